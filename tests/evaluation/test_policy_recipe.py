"""`policy` killed in the middle as a user runs it, gone on with, and left alone when all is done."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from gato_ros.cli import main, train
from gato_ros.core.errors import SetupError
from gato_ros.core.statistics import wilson95
from gato_ros.data.episodes.recording import load_recordings
from gato_ros.domains.recipes import recipe as any_recipe
from gato_ros.domains.rgb_stacking.recipe import recipe
from gato_ros.domains.rgb_stacking.stage import CardStage, CollectStage, TrainStage, stated
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.policy_build import build
from gato_ros.evaluation.policy_build.ledger import Ledger, alone
from gato_ros.evaluation.policy_build.stages import run_stage, what
from gato_ros.evaluation.training_run import closed_loop
from gato_ros.models.weights import load_weights
from gato_ros.training.config import TrainingConfig

STAGES = [stage.name for stage in recipe("smoke")]
KILLED = "generalization_dagger_1_data"


def command(*arguments):
    # One worker: each compiles the policy for itself.
    return [sys.executable, "-m", "gato_ros", "policy", "--recipe", "smoke", "--workers", "1", *map(str, arguments)]


def policy_verb(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=1200)


def policy_here(capsys, *arguments):
    """(exit code, output, errors) of the same in this process, where to play starts no other and untrained ones end
    early."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(command(*arguments)[3:])
    return end.value.code, *capsys.readouterr()


def ledger(out):
    path = out / "ledger.json"
    return json.loads(path.read_text())["stages"] if path.exists() else {}


def killed_and_finished(out, capsys):
    """A smoke recipe that was killed while its DAgger episodes were collected, then finished."""
    first = subprocess.Popen(command("--out", out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 900
    while not (ledger(out).get(KILLED, {}).get("seconds", 0) > 2 and psutil.Process(first.pid).children()):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    workers = psutil.Process(first.pid).children(recursive=True)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)
    cut = ledger(out)
    listed = policy_verb("--out", out, "--list", "--json", out / "list.json")
    code, again, errors = policy_here(capsys, "--out", out)
    assert code == 0, errors
    return {"out": out, "alive": alive, "cut": cut, "listed": listed, "again": again}


def check_that_a_kill_left_a_true_ledger_and_no_workers(made):
    assert made["alive"] == []
    assert {name: row["state"] for name, row in made["cut"].items()} == {
        **dict.fromkeys(STAGES[:3], "done"),
        KILLED: "running",
    }
    assert made["cut"][KILLED]["seconds"] > 2 and made["cut"][KILLED]["result"] is None
    states = {row["stage"]: row["state"] for row in json.loads((made["out"] / "list.json").read_text())["stages"]}
    assert list(states) == STAGES
    assert states["generalization_base"] == "done" and states[KILLED] == "interrupted"
    assert set(list(states.values())[4:]) == {"waiting"}
    assert KILLED in made["listed"].stdout and "interrupted" in made["listed"].stdout


def check_that_the_same_command_went_on_and_counted_both_sittings(made):
    stages = ledger(made["out"])
    assert {name: row["state"] for name, row in stages.items()} == dict.fromkeys(STAGES, "done")
    assert {name: row["sittings"] for name, row in stages.items()} == {**dict.fromkeys(STAGES, 1), KILLED: 2}
    assert stages[KILLED]["seconds"] > made["cut"][KILLED]["seconds"]
    for name in STAGES[:3]:
        assert stages[name] == made["cut"][name]
    assert made["again"].startswith("3 of 14 stages are done")
    assert "train: validation step 20 of 20" in made["again"]


def check_that_weights_and_card_say_what_the_files_say(made, name):
    folder = made["out"] / name / "weights"
    weights = load_weights(folder, load_embodiment())
    assert weights.extra["step"] == 20 and weights.golden
    assert (folder / "params.safetensors").read_bytes() == (
        made["out"] / name / "dagger_1" / "last" / "params.safetensors"
    ).read_bytes()
    assert str(made["out"]) not in (folder / "config.json").read_text()
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "MODEL_CARD.md").read_text()
    for data, frames in weights.extra["data"].items():
        row = next(line for line in card.splitlines() if f"| data/{data.rpartition('/')[2]} |" in line)
        assert row.endswith(f"| {frames} |")
    objects = "triplet1" if name == "generalization" else "cubes"
    result = json.loads((made["out"] / name / "evaluation" / objects / "result.json").read_text())
    row, (low, high) = result["sets"][objects], wilson95(result["sets"][objects]["successes"], 1)
    seen = "no" if name == "generalization" else "yes"
    rate, low, high = (f"{100 * value:.0f} %" for value in (row["rate"], low, high))
    assert f"| {objects} | {seen} | {row['successes']} of 1 | {rate} | {low} - {high} | 900000 |" in card
    assert ("light, medium" in card) == (name == "mastery")
    assert card.count("not measured") >= 1  # closed loop, in a recipe without it


def check_that_a_second_run_does_nothing(made):
    before = (made["out"] / "ledger.json").read_bytes()
    times = {path: path.stat().st_mtime_ns for path in made["out"].rglob("*") if path.is_file()}
    done = policy_verb("--out", made["out"])
    assert done.returncode == 0 and done.stdout.startswith("14 of 14 stages are done")
    assert (made["out"] / "ledger.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in times if path.name != ".ledger.lock"} == {
        path: then for path, then in times.items() if path.name != ".ledger.lock"
    }


def check_that_a_stage_is_done_again_on_request_and_keeps_what_it_had(made, capsys):
    out = made["out"]
    card = (out / "generalization" / "weights" / "MODEL_CARD.md").read_text()
    started = ledger(out)["generalization_card"]["started"]
    time.sleep(1.1)
    code, _, errors = policy_here(capsys, "--out", out, "--redo", "generalization_card")
    assert code == 0, errors
    assert ledger(out)["generalization_card"]["started"] > started
    (aside,) = (out / "set_aside").glob("*/generalization/weights/MODEL_CARD.md")
    assert aside.read_text() == card


def check_that_a_stage_that_was_begun_with_other_options_is_refused(made, tmp_path, capsys):
    begun = json.loads((made["out"] / "ledger.json").read_text())
    begun["stages"]["mastery_dagger_1"]["options"]["steps"] = 7
    begun["stages"]["mastery_dagger_1"]["digest"] = "of the recipe with 7 steps"
    (tmp_path / "ledger.json").write_text(json.dumps(begun))
    code, _, errors = policy_here(capsys, "--out", tmp_path)
    assert code == 2 and "mastery_dagger_1 with steps = 7" in errors
    assert "steps = 20" in errors and "--redo mastery_dagger_1" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ledger.lock", "ledger.json"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_recipe_at_toy_sizes(tmp_path, capsys, played_here):
    """One test, not six: with a fixture each of pytest's workers would run the recipe again."""
    made = killed_and_finished(tmp_path / "policy", capsys)
    check_that_a_kill_left_a_true_ledger_and_no_workers(made)
    check_that_the_same_command_went_on_and_counted_both_sittings(made)
    for name in ("generalization", "mastery"):
        check_that_weights_and_card_say_what_the_files_say(made, name)
    check_that_a_second_run_does_nothing(made)
    check_that_a_stage_is_done_again_on_request_and_keeps_what_it_had(made, capsys)
    (tmp_path / "other").mkdir()
    check_that_a_stage_that_was_begun_with_other_options_is_refused(made, tmp_path / "other", capsys)


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("--until", "mastery_dager_1"), "did you mean 'mastery_dagger_1'"),
        (("--redo", "nothing"), "a stage in"),
        (("--recipe", "smok"), "did you mean 'smoke'"),
        (("--workers", "0"), "--workers of at least 1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(tmp_path, capsys, arguments, word):
    with pytest.raises(SystemExit) as end:
        main(["policy", "--recipe", "smoke", "--out", str(tmp_path / "out"), *arguments])
    assert end.value.code == 2 and word in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_done_again_takes_along_what_builds_on_it(tmp_path):
    stages = recipe("smoke")
    begun = Ledger(tmp_path)
    for stage in stages[:8]:
        with begun.sitting(stage, found=0):
            pass
    again = build.again(stages, ("generalization_dagger_1_data",), begun)
    assert list(again) == STAGES[3:7]
    assert list(build.again(stages, ("train_episodes",), begun)) == STAGES[1:7]


def test_more_episodes_go_into_the_same_folder_and_other_ones_do_not(tmp_path):
    stage, begun = recipe("smoke")[0], Ledger(tmp_path)
    with begun.sitting(replace(stage, episodes=3), found=0):
        pass
    assert build.grows(stage, begun) and begun.changes(stage) == {"episodes": (3, 6)}
    assert not build.grows(replace(stage, episodes=2), begun)
    assert not build.grows(replace(stage, seed=5), begun)


def test_the_time_of_an_interrupted_sitting_counts(tmp_path):
    stage = recipe("smoke")[0]
    with pytest.raises(KeyboardInterrupt), Ledger(tmp_path).sitting(stage, found=3):
        time.sleep(0.2)
        raise KeyboardInterrupt
    begun = Ledger(tmp_path)
    assert begun.state(stage) == "interrupted" and begun.seconds(stage) >= 0.2
    with begun.sitting(stage, found=8) as result:
        time.sleep(0.2)
        result["kept"] = 6
    entry = Ledger(tmp_path).entries[stage.name]
    assert entry["state"] == "done" and entry["seconds"] >= 0.4 and entry["sittings"] == 2
    assert entry["result"] == {"kept": 6} and entry["found"] == 3 and entry["machine"]["cores"] >= 1


def test_two_at_once_in_one_folder_are_refused(tmp_path):
    with alone(tmp_path), pytest.raises(SetupError, match="another process at work"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_a_damaged_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.json").write_text('{"schema": 1, "stag')
    with pytest.raises(SetupError, match="a ledger of schema 1"):
        Ledger(tmp_path)


def test_the_closed_loop_of_several_sets_is_their_mean(tmp_path):
    options = train.Options(
        data=(), out=tmp_path, closed_loop_set="cubes,triplet2", closed_loop_episodes=2, closed_loop_seed=800_003
    )
    values = closed_loop.measured(options, "expert")
    assert values["episodes"] == 4 and values["rate_cubes"] == 1.0
    assert values["rate"] == (values["rate_cubes"] + values["rate_triplet2"]) / 2
    assert values["stage_stacked"] == values["rate"]


def test_the_recipe_of_generalization_is_a_part_of_mastery():
    assert recipe("mastery")[: len(recipe("generalization"))] == recipe("generalization")
    assert isinstance(recipe("smoke")[2], TrainStage)


def test_every_stage_of_an_arm_names_its_contract_and_no_older_ledger_changes():
    stages = any_recipe("arm", embodiment="ur5e_rgb_stacking")
    assert {stated(stage)["embodiment"] for stage in stages} == {"ur5e_rgb_stacking"}
    runs = [stage for stage in stages if isinstance(stage, TrainStage)]
    starts = [(None, "sawyer_mastery"), ("runs/base/last", None), ("runs/dagger_1/last", None)]
    assert [(run.init, run.shipped_start) for run in runs] == starts
    assert isinstance(stages[-1], CardStage) and stages[-1].folder == "ur5e_rgb_stacking/weights"
    for stage in recipe("mastery"):
        assert not {"embodiment", "shipped_start"} & set(stated(stage))


def test_shipped_weights_drive_the_first_round_of_a_refinement_and_its_own_the_next(tmp_path):
    stages = any_recipe("refine_smoke")
    driven = [stage for stage in stages if isinstance(stage, CollectStage) and "dagger" in stage.name]
    assert [(stage.policy, stage.shipped_policy) for stage in driven] == [(None, None), ("runs/dagger_1/last", None)]
    first = next(stage for stage in any_recipe("refine") if stage.name == "dagger_1_triplet2_data")
    assert "sawyer_mastery drives" in what(first) and stated(first)["shipped_policy"] == "sawyer_mastery"
    run = next(stage for stage in any_recipe("refine") if isinstance(stage, TrainStage))
    assert run.shipped_start == "sawyer_mastery" and first.folder in run.data
    assert run_stage(replace(first, episodes=1), tmp_path, 1, Ledger(tmp_path))["kept"] == 1
    (recording,) = load_recordings(tmp_path / first.folder)
    assert recording.source[1:] == ("triplet2", "sawyer_mastery")


def test_what_generalises_is_refined_without_a_test_object():
    stages = any_recipe("refine_generalization")
    collected = [stage for stage in stages if isinstance(stage, CollectStage)]
    assert {stage.objects for stage in collected} == {"train"}
    assert collected[-1].shipped_policy == "sawyer_generalization"
    assert stages[-1].folder == "sawyer_generalization/weights" and stages[-2].objects == "triplets"


def test_options_of_sequences_reach_the_training(monkeypatch, tmp_path):
    from gato_ros.evaluation.training_run import training

    stage = next(stage for stage in any_recipe("tasks_streaming") if stage.name == "streaming")
    runs = []
    monkeypatch.setattr(training, "train_policy", lambda run: runs.append(run) or {})
    run_stage(stage, tmp_path, 1, Ledger(tmp_path))
    assert (runs[0].sequence.steps, runs[0].sequence.batch, runs[0].sequence.prompt_share) == (4000, 8, 0.6)
    assert runs[0].sequence.text_hidden_share == 0.6 and runs[0].training == TrainingConfig()
    assert runs[0].single_steps == tuple(tmp_path / folder for folder in stage.single_steps)


@pytest.mark.parametrize(
    "embodiment, weights, observed",
    [("ur5e_rgb_stacking", "ur5e_stacking", None), ("so101_rgb_stacking", "so101_stacking", ("so101/joints/angle",))],
)
def test_the_weights_of_another_arm_are_refined(embodiment, weights, observed):
    stages = any_recipe("refine", embodiment=embodiment)
    assert {stage.embodiment for stage in stages} == {embodiment}
    driven = next(stage for stage in stages if stage.name == "dagger_1_cubes_data")
    run = next(stage for stage in stages if isinstance(stage, TrainStage))
    assert driven.shipped_policy == run.shipped_start == weights and run.observe == observed
    assert stages[-1].folder == f"{weights}/weights"
    made = build.planned(build.PolicyBuild(recipe="refine", embodiment=embodiment))[1]
    assert str(made) == f"out/{embodiment}-refine"


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("--recipe", "refine", "--embodiment", "panda_rgb_stacking"), "got none; `--recipe arm` makes one"),
        (("--recipe", "refine", "--embodiment", "sawyer_rgb_stacking"), "leave --embodiment out"),
        (("--recipe", "refine", "--preset", "sawyer_medium"), "no --preset with the recipe refine"),
        (("--recipe", "arm"), "--recipe arm with --embodiment"),
        (("--embodiment", "ur5e_rgb_stacking"), "got --recipe mastery --embodiment"),
        (("--recipe", "arm", "--embodiment", "ur5"), "got 'ur5'"),
        (("--recipe", "arm", "--embodiment", "ur5e_rgb_stacking", "--preset", "gato_79m"), "a single-step preset"),
    ],
)
def test_an_arm_and_its_recipe_belong_together(tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["policy", *arguments])
    assert end.value.code == 2 and word in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
