"""The real command, as a user runs it."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import Future
from pathlib import Path

import cv2
import imageio_ffmpeg
import jax
import numpy as np
import psutil
import pytest

from gato_ros.cli import main
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import HoldPolicy
from gato_ros.core.records.checksummed_json import checksummed_text
from gato_ros.data.exports.video import write_film
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation import evaluate
from gato_ros.evaluation.comparison import OVER_ROS, read_result
from gato_ros.evaluation.episode import Clip, Job
from gato_ros.evaluation.outcomes import EpisodeOutcome
from gato_ros.evaluation.partial_result import PartialResult
from gato_ros.evaluation.plan import Plan, check, of_a_robot
from gato_ros.evaluation.reports.failure_video import failures_to_film, film_failures, write_sheet
from gato_ros.sim.randomisation import LEVELS, PERTURBATIONS, PLAIN, perturbation


def gato_ros(*arguments, cwd, timeout=500):
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.run(
        [sys.executable, "-m", "gato_ros", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "triplet9"], "did you mean 'triplet"),
        (["--world", "real_cel"], "did you mean 'real_cell'"),
        (["--policy", "nowhere"], "no such folder"),
        (["--policy", "."], "a folder without params.safetensors"),
        (["--episodes", "0"], "--episodes of at least 1"),
        (["--workers", "0"], "--workers of at least 1"),
        (["--seed", "-1"], "--seed in [0"),
        (["--json", "."], "a file that can be written"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_written(tmp_path, monkeypatch, capsys, arguments, expected):
    monkeypatch.chdir(tmp_path)
    json_arguments = [] if "--json" in arguments else ["--json", "result.json"]
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "--policy", "hold", "--episodes", "1", *arguments, *json_arguments])
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("gato_ros ")]
    assert end.value.code == 2 and len(lines) == 1 and expected in lines[0]
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_result_has_the_promised_keys_and_does_not_depend_on_the_workers(tmp_path):
    results = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.json"
        done = gato_ros(
            "evaluate",
            "--policy",
            "expert",
            "--set",
            "triplet1",
            "--episodes",
            2,
            "--seed",
            950000,
            "--workers",
            workers,
            "--json",
            path,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(path.read_text()))
    assert results[0] == results[1]
    assert (results[0]["policy"], results[0]["seed"]) == ("expert", 950000)
    row = results[0]["sets"]["triplet1"]
    assert {"episodes", "successes", "rate", "wilson95", "mean_steps", "failures"} <= row.keys()
    assert row["episodes"] == 2 and len(row["wilson95"]) == 2


def plan(sets, perturbations=(None,)):
    return Plan(sets, perturbations, None, PartialResult(None, {}))


def test_triplets_are_the_five_sets_and_their_mean():
    options = of_a_robot(evaluate.Evaluation(policy="hold", set="triplets", episodes=4))
    names = check(options).sets
    assert names == tuple(f"triplet{number}" for number in range(1, 6))
    outcomes = {
        Job("hold", name, k): EpisodeOutcome(k, k < successes, 100, None)
        for successes, name in enumerate(names)
        for k in range(4)
    }
    result = evaluate._result(options, plan(names), outcomes)
    assert [row["rate"] for row in result["sets"].values()] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert result["mean_rate"] == 0.5


def test_all_are_cubes_triplets_and_training_objects():
    sets = check(evaluate.Evaluation(policy="hold", set="all", episodes=1)).sets
    assert sets == ("cubes", *(f"triplet{number}" for number in range(1, 6)), "train")


def test_a_policy_sees_only_what_it_names():
    from gato_ros.evaluation.policy_source import make_environment, make_policy

    embodiment = load_embodiment()
    environment = make_environment("cubes", HoldPolicy(), embodiment)
    try:
        environment.reset(seed=0)
        observation = environment.observe()
        assert set(observation.values) == {"gripper/opening"} and observation.privileged == {}
    finally:
        environment.close()
    assert any(key.startswith("privileged/") for key in make_policy("expert", embodiment).observation_keys)


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_ends_every_process_and_writes_no_result(tmp_path, signals):
    command = [
        sys.executable,
        "-m",
        "gato_ros",
        "evaluate",
        "--policy",
        "hold",
        "--episodes",
        "50",
        "--workers",
        "2",
        "--json",
        "result.json",
    ]
    # A session of its own, as a terminal's foreground job has a group of its own.
    child = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while len(psutil.Process(child.pid).children()) < 3 and time.monotonic() < deadline:  # workers and a tracker
            time.sleep(0.1)
        assert child.poll() is None, child.stderr.read()
        for _ in range(signals):
            child.send_signal(signal.SIGINT)  # to the parent only: the harder case
            time.sleep(0.3)
        assert child.wait(timeout=120) == 130
        assert child.stderr.read().splitlines()[-1] == "gato_ros evaluate: interrupted"
        with pytest.raises(ProcessLookupError):
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                os.killpg(child.pid, 0)
                time.sleep(0.1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"result.json.partial.jsonl"}, "an interrupted evaluation has episodes, but no result"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"perturb": "lihgt"}, "did you mean 'light'"),
        ({"level": "high"}, "--perturb with --level"),
        ({"video_episodes": 0}, "--video-episodes of at least 1"),
        ({"video_episodes": 65}, "--video-episodes of at most 64"),
        ({"video": "a_file"}, "a folder that can be made for --video"),
        ({"against": "nowhere.json"}, "a result of `evaluate --json`"),
        ({"against": "a_file"}, "a result of `evaluate --json`"),
        ({"against": "before_episodes.json"}, "no key 'perturbation'"),
        ({"against": "empty.json"}, "no episodes"),
        ({"against": "cubes.json", "set": "triplet1"}, "cubes 7-8"),
        ({"against": "cubes.json", "seed": 9}, "cubes 7-8"),
        ({"against": "cubes.json", "perturb": "all", "seed": 7}, "one of the conditions light high"),
        ({"result": "cubes.json"}, "--against with --result"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(tmp_path, changes, expected):
    (tmp_path / "a_file").write_text("no JSON")
    (tmp_path / "before_episodes.json").write_text(json.dumps({"policy": "hold", "sets": {"cubes": {"rate": 0.5}}}))
    head = {"policy": "hold", "perturbation": {"name": "light", "level": "high"}}
    rows = [EpisodeOutcome(seed, False, 400, "none").row() for seed in (7, 8)]
    (tmp_path / "cubes.json").write_text(json.dumps({**head, "sets": {"cubes": {"outcomes": rows}}}))
    (tmp_path / "empty.json").write_text(json.dumps({**head, "sets": {"cubes": {"outcomes": []}}}))
    paths = {key: tmp_path / value for key, value in changes.items() if key in ("video", "against", "result")}
    options = evaluate.Evaluation(**{"policy": "hold", "episodes": 1, **changes, **paths})
    with pytest.raises(SetupError, match=re.escape(expected)):
        evaluate.evaluate_policy(options)


def test_the_help_names_every_perturbation_and_level(tmp_path):
    done = gato_ros("evaluate", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert [name for name in PERTURBATIONS if name not in done.stdout] == []
    assert f"{{{','.join(LEVELS)}}}" in done.stdout


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_disturbed_episode_starts_as_the_plain_one_does(name):
    from gato_ros.evaluation.policy_source import make_environment

    starts = []
    for randomisation in (None, perturbation(name, "high")):
        environment = make_environment("cubes", HoldPolicy(), load_embodiment(), randomisation, randomise_fully=True)
        try:
            environment.reset(seed=950000)
            world = environment.world
            props = [world.prop(colour) for colour in ("red", "green", "blue")]
            starts.append([world.joint_positions, *(prop.position for prop in props)])
            assert (environment.conditions is PLAIN) == (randomisation is None)
        finally:
            environment.close()
    for plain, disturbed in zip(*starts):
        np.testing.assert_array_equal(plain, disturbed)


@pytest.fixture(scope="module")
def expert(tmp_path_factory):
    """An episode of the expert in every world: the folder with expert.json, and what was printed."""
    folder = tmp_path_factory.mktemp("expert")
    done = gato_ros(
        "evaluate",
        "--policy",
        "expert",
        "--perturb",
        "all",
        "--level",
        "high",
        "--episodes",
        1,
        "--seed",
        950000,
        "--workers",
        2,
        "--json",
        "expert.json",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def hold(expert):
    """Two episodes of the hold policy, filmed and compared with the expert on the seed they share."""
    folder, _ = expert
    done = gato_ros(
        "evaluate",
        "--policy",
        "hold",
        "--episodes",
        2,
        "--seed",
        949999,
        "--workers",
        2,
        "--against",
        "expert.json",
        "--video",
        "film",
        "--json",
        "hold.json",
        "--report",
        "page.html",
        "--report-videos",
        1,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_every_world_is_run_and_compared_with_the_plain_one(expert):
    folder, printed = expert
    result = json.loads((folder / "expert.json").read_text())
    assert result["perturbation"] is None and list(result["perturbations"]) == list(PERTURBATIONS)
    plain = result["sets"]["cubes"]["outcomes"]
    for name, block in result["perturbations"].items():
        outcomes = block["sets"]["cubes"]["outcomes"]
        assert [row["seed"] for row in outcomes] == [row["seed"] for row in plain] == [950000]
        compared = block["against_plain"]["all"]
        assert compared["pairs"] == 1 and compared == block["against_plain"]["sets"]["cubes"]
        assert compared["difference"] == outcomes[0]["success"] - plain[0]["success"]
        assert block["level"] == "high" and f"{name} high" in printed
    # The expert sees no picture, but late and noisy actions must have come through to the arm.
    for name in ("latency", "action_noise"):
        assert result["perturbations"][name]["sets"]["cubes"]["outcomes"] != plain
    for name in ("light", "colour", "dropped_frames", "camera_shift"):
        assert result["perturbations"][name]["sets"]["cubes"]["outcomes"] == plain
    assert {path.name for path in folder.iterdir()} <= {"expert.json", "hold.json", "film", "page.html"}


def test_a_result_is_compared_with_another_on_the_seeds_of_both(hold):
    folder, printed = hold
    result = json.loads((folder / "hold.json").read_text())
    against = result["against"]
    assert (against["file"], against["policy"], against["differs_in"]) == ("expert.json", "expert", [])
    assert list(against["conditions"]) == ["plain"]
    row = against["conditions"]["plain"]["all"]
    assert [row[key] for key in ("pairs", "both", "only_this", "only_that", "neither")] == [1, 0, 0, 1, 0]
    assert row["difference"] == -1.0 and row["p_value"] == 1.0
    assert "this against expert in expert.json" in printed and "-100.0" in printed


def test_two_files_are_compared_without_an_episode(hold):
    folder, _ = hold
    done = gato_ros(
        "evaluate", "--result", "expert.json", "--against", "hold.json", "--json", "compared.json", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    compared = json.loads((folder / "compared.json").read_text())
    (folder / "compared.json").unlink()
    row = compared["against"]["conditions"]["plain"]["sets"]["cubes"]
    assert [row[key] for key in ("pairs", "both", "only_this", "only_that", "neither")] == [1, 0, 1, 0, 0]
    assert "+100.0" in done.stdout


def test_failures_are_filmed_side_by_side(hold):
    folder, printed = hold
    video = json.loads((folder / "hold.json").read_text())["video"]
    assert [(row["seed"], row["failure"], row["reproduced"]) for row in video["episodes"]] == [
        (949999, "never_reached", True),
        (950000, "never_reached", True),
    ]
    assert sorted(path.name for path in (folder / "film").iterdir()) == ["failures.mp4", "failures.png"]
    frames = imageio_ffmpeg.read_frames(str(folder / "film" / "failures.mp4"))
    head = next(frames)
    # Two tiles of two cameras, 128 px each at twice the size, under a bar; 400 ticks and the start at 20 Hz.
    assert head["size"] == (512, 2 * (256 + 24)) and head["fps"] == 20.0
    pictures = [np.frombuffer(frame, np.uint8).reshape(560, 512, 3) for frame in frames]
    assert len(pictures) == 401
    still = cv2.imread(str(folder / "film" / "failures.png"))[:, :, ::-1]
    assert still.shape == (560, 512, 3)
    assert np.abs(still.astype(int) - pictures[-1]).mean() < 4, "the picture is the film's last frame"
    assert "2 failed episodes in film/failures.mp4" in printed


def test_the_page_holds_a_film_that_plays(hold, tmp_path):
    folder, printed = hold
    page = (folder / "page.html").read_text()
    (video,) = re.findall(r'src="data:video/mp4;base64,([^"]+)"', page)
    film = tmp_path / "film.mp4"
    film.write_bytes(base64.b64decode(video))
    frames = imageio_ffmpeg.read_frames(str(film))
    assert next(frames)["size"] == (512, 256) and sum(1 for _ in frames) == 401
    assert "never reached" in page and "cubes 949999, 20.0 s" in page and "page: page.html" in printed


def test_the_film_shows_what_the_cameras_see(hold):
    """The top left tile against the environment's own picture: the colours are right, and the start is that seed's."""
    from gato_ros.evaluation.policy_source import make_environment

    environment = make_environment("cubes", HoldPolicy(), load_embodiment())
    try:
        environment.reset(seed=949999)
        seen = np.hstack([environment.world.render(key) for key in environment.embodiment.image_keys])
    finally:
        environment.close()
    frames = imageio_ffmpeg.read_frames(str(hold[0] / "film" / "failures.mp4"))
    size = next(frames)["size"]
    shown = np.frombuffer(next(frames), np.uint8).reshape(size[1], size[0], 3)[24:280:2, ::2]
    frames.close()
    assert shown.shape == seen.shape and np.abs(shown.astype(int) - seen).mean() < 4


def test_what_else_differs_between_two_results_is_said(tmp_path, capsys):
    rows = [EpisodeOutcome(seed, seed == 7, 400, None).row() for seed in (7, 8)]
    for name, task, sha in (("this", "red_on_blue", "a"), ("that", "blue_on_green", "b")):
        result = {
            "policy": name,
            "perturbation": None,
            "task": task,
            "weights_sha256": sha,
            "contract_digest": "c",
            "package_version": "1",
            "sets": {"cubes": {"outcomes": rows}},
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    options = evaluate.Evaluation(result=tmp_path / "this.json", against=tmp_path / "that.json")
    assert evaluate.evaluate_policy(options)["against"]["differs_in"] == ["weights_sha256", "task"]
    assert "not made alike: task of the two differ" in capsys.readouterr().out


def clip(seed, ticks, grey):
    """A clip whose tick t is a plain picture of brightness grey + t."""
    pictures = [np.full((16, 32, 3), grey + tick, np.uint8) for tick in range(ticks)]
    frames = tuple(cv2.imencode(".png", picture)[1].tobytes() for picture in pictures)
    return Clip(Job("hold", "cubes", seed), EpisodeOutcome(seed, False, ticks, "none"), frames, 20.0)


def test_a_sheet_has_a_tile_for_every_clip_and_short_ones_wait_at_their_end(tmp_path):
    jax.numpy.zeros(1).block_until_ready()  # its threads make a fork dangerous, and it says so
    clips = [clip(0, 3, 50), clip(1, 6, 100), clip(2, 2, 200)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        film, picture = write_sheet(clips, tmp_path / "new" / "film", ["first", "second", "third"])
    assert [str(one.message) for one in caught if "fork" in str(one.message)] == []
    assert imageio_ffmpeg.count_frames_and_secs(str(film))[0] == 6
    still = cv2.imread(str(picture))
    assert still.shape == (2 * (32 + 24), 2 * 64, 3)
    ends = [still[24:56, :64], still[24:56, 64:], still[80:, :64], still[80:, 64:]]
    assert [set(np.unique(end)) for end in ends] == [{52}, {105}, {201}, {0}]
    assert sorted(path.name for path in film.parent.iterdir()) == ["failures.mp4", "failures.png"]


def test_a_film_that_fails_leaves_the_one_before(tmp_path):
    write_sheet([clip(0, 2, 50)], tmp_path, ["good"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = clip(1, 2, 50)
    broken = Clip(broken.job, broken.outcome, (broken.frames[0], b"no picture"), 20.0)
    with pytest.raises(cv2.error):
        write_sheet([broken], tmp_path, ["broken"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_ffmpeg_complains_of_is_passed_on(tmp_path):
    with pytest.raises(RuntimeError, match="No such file or directory"):
        write_film(tmp_path / "nowhere" / "film.mp4", [np.zeros((16, 16, 3), np.uint8)] * 2, 20.0)


def test_without_a_failure_nothing_is_filmed(tmp_path):
    done = {Job("expert", "cubes", seed): EpisodeOutcome(seed, True, 100, "stacked") for seed in range(3)}
    assert film_failures(done, tmp_path / "film", 12, pool=None) is None
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_failure_is_filmed_before_one_twice():
    kinds = ["dropped"] * 4 + ["toppled", None, "time"]
    done = {
        Job("hold", "cubes", seed): EpisodeOutcome(seed, kind is None, 100, None, (), kind)
        for seed, kind in enumerate(kinds)
    }
    assert [job.seed for job in failures_to_film(done, 3)] == [0, 4, 6]
    assert [job.seed for job in failures_to_film(done, 5)] == [0, 1, 2, 4, 6]
    assert [job.seed for job in failures_to_film(done, 12)] == [0, 1, 2, 3, 4, 6]


def test_an_interrupted_evaluation_goes_on_where_it_stopped(tmp_path):
    arguments = ["evaluate", "--policy", "expert", "--episodes", "3", "--seed", "950000", "--workers", "1"]
    partial = tmp_path / "result.json.partial.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-m", "gato_ros", *arguments, "--json", "result.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (partial.exists() and partial.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
            assert child.poll() is None, child.stderr.read()
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=120) == 130
        said = child.stderr.read()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    kept = partial.read_bytes().count(b"\n") - 1
    assert 1 <= kept < 3 and f"{kept} of 3 episodes are kept in result.json.partial.jsonl" in said
    assert not (tmp_path / "result.json").exists()

    other = gato_ros(*arguments[:-4], "--seed", 950001, "--json", "result.json", cwd=tmp_path)
    assert other.returncode == 2 and "seed 950000, now 950001" in other.stderr and partial.exists()

    same = gato_ros(*arguments, "--json", "result.json", cwd=tmp_path)
    assert same.returncode == 0, same.stderr
    assert f"{kept} of 3 episodes were done before" in same.stdout and not partial.exists()
    whole = gato_ros(*arguments, "--json", "whole.json", cwd=tmp_path)
    assert whole.returncode == 0 and "done before" not in whole.stdout
    assert json.loads((tmp_path / "result.json").read_text()) == json.loads((tmp_path / "whole.json").read_text())


def test_what_is_kept_is_not_run_again(tmp_path):
    """With every episode kept there is nothing to run, even for a policy whose episodes would end in another way."""
    options = evaluate.Evaluation(policy="hold", episodes=3, seed=7, quiet=True, json=tmp_path / "result.json")
    kept = check(options).partial
    for seed in (7, 8, 9):
        kept.add(Job("hold", "cubes", seed), EpisodeOutcome(seed, True, 11, "stacked"))
    kept.close()
    result = evaluate.evaluate_policy(options)
    assert result["sets"]["cubes"]["successes"] == 3 and result["sets"]["cubes"]["mean_steps"] == 11
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_half_a_line_does_not_count_and_the_next_is_whole(tmp_path):
    path, identity, jobs = tmp_path / "part.jsonl", {"seed": 1}, [Job("hold", "cubes", seed) for seed in range(3)]
    first = PartialResult(path, identity)
    for job in jobs[:2]:
        first.add(job, EpisodeOutcome(job.seed, False, 400, "none"))
    first.close()
    path.write_bytes(path.read_bytes()[:-9])
    second = PartialResult(path, identity)
    assert second.get(jobs[0]) is not None and second.get(jobs[1]) is None and len(second) == 1
    second.add(jobs[2], EpisodeOutcome(2, True, 100, "stacked"))
    second.close()
    third = PartialResult(path, identity)
    assert third.get(jobs[2]).success and third.get(jobs[1]) is None and len(third) == 2


def test_nothing_is_written_before_the_first_episode(tmp_path):
    partial = PartialResult(tmp_path / "part.jsonl", {"seed": 1})
    partial.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"schema": 1, "seed": 2}\n', "seed 2, now 1"),
        ('{"schema": 0, "seed": 1}\n', "schema 0, now 1"),
        ('{"schema": 1, "seed": 1}\nnonsense\n', "a damaged file"),
        ('{"schema": 1, "seed": 1}\n{"perturbation": null, "set": "cubes", "seed": 4}\n', "a damaged file"),
        ("[]\n", "a damaged file"),
    ],
)
def test_a_file_of_another_evaluation_is_refused(tmp_path, content, expected):
    path = tmp_path / "part.jsonl"
    path.write_text(content)
    with pytest.raises(SetupError, match=expected):
        PartialResult(path, {"seed": 1})
    assert path.read_text() == content


def test_weights_that_changed_are_another_evaluation(tmp_path):
    """The folder has the same name, but the policy in it is another."""
    source = Path(__file__).parents[2] / "models" / "weights" / "sawyer_mastery"
    weights = tmp_path / "weights"
    shutil.copytree(source, weights)
    options = evaluate.Evaluation(policy=str(weights), episodes=1, json=tmp_path / "result.json")
    kept = check(options)
    kept.partial.add(Job(str(weights), "cubes", 900000), EpisodeOutcome(900000, True, 11, "stacked"))
    kept.partial.close()
    assert len(check(options).partial) == 1 and kept.weights_sha256
    config = json.loads((weights / "config.json").read_text())
    config["extra"] = {"trained": "longer"}
    (weights / "config.json").write_text(checksummed_text(config))
    with pytest.raises(SetupError, match="another one: policy"):
        check(options)


def report_of_sim(path, successes):
    rows = [
        {"seed": 900_000 + k, "objects": ["s0"] * 3, "stacked": bool(one), "steps": 100}
        for k, one in enumerate(successes)
    ]
    path.write_text(
        json.dumps({"policy": "p", "objects": "cubes", "embodiment": {"digest": "d"}, "episode_rows": rows})
    )
    return path


def test_a_report_over_ros_pairs_with_an_evaluation_in_process(tmp_path):
    over_ros = report_of_sim(tmp_path / "report.json", [1, 0, 0, 1])
    outcomes = [EpisodeOutcome(900_000 + k, bool(one), 100, None, ("s0",) * 3) for k, one in enumerate([1, 1, 0, 1])]
    in_process = tmp_path / "evaluation.json"
    in_process.write_text(
        json.dumps(
            {"policy": "p", "perturbation": None, "sets": {"cubes": {"outcomes": [one.row() for one in outcomes]}}}
        )
    )
    result = evaluate.evaluate_policy(evaluate.Evaluation(result=over_ros, against=in_process, quiet=True))
    block = result["against"]["conditions"][OVER_ROS]
    assert block["that"] == "plain"
    row = block["sets"]["cubes"]
    assert (row["both"], row["only_this"], row["only_that"], row["neither"]) == (2, 0, 1, 1)
    assert row["difference"] == -0.25
    with pytest.raises(SetupError, match="no episodes"):
        evaluate.evaluate_policy(
            evaluate.Evaluation(result=report_of_sim(tmp_path / "e.json", []), against=in_process, quiet=True)
        )


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    """Random streaming weights that say they were trained with prompts, and two demonstrations."""
    from gato_ros.data.episodes.episode import EpisodeWriter
    from gato_ros.models.layout import token_layout
    from gato_ros.models.parameters import parameter_shapes
    from gato_ros.models.presets import PRESETS
    from gato_ros.models.weights import save_weights

    folder, robot, rng = tmp_path_factory.mktemp("prompted"), load_embodiment(), np.random.default_rng(0)
    config = PRESETS["debug"]
    params = jax.tree.map(
        lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32),
        parameter_shapes(config, token_layout(robot.spec, config)),
    )
    save_weights(folder / "weights", params, config, robot, {"training": {"prompt_share": 0.25}})
    for name in ("a", "b"):
        with EpisodeWriter(folder / "demonstrations", name, robot, {"task": "red_on_blue"}) as writer:
            for step in range(5):
                values = {
                    key: np.full(channel.shape, step, np.uint8)
                    if channel.kind == "image"
                    else np.zeros(channel.shape, np.float32)
                    for key, channel in robot.observations.items()
                }
                action = ArmAction(np.zeros(4), 0.085)
                writer.add(step, Observation(values, step / 20), action, action)
            writer.close({"success": True})
    return str(folder / "weights"), folder / "demonstrations"


def test_with_and_without_prompts_every_start_is_the_same(prompted, tmp_path, monkeypatch, capsys):
    """The verb's own jobs, run here in four ticks each: what the policy is reset with, and what the result says."""
    from gato_ros.evaluation import episode as evaluate_episode
    from gato_ros.evaluation.reports.table import print_result
    from gato_ros.models.serving.policy import GatoPolicy

    weights, demonstrations = prompted
    options = of_a_robot(
        evaluate.Evaluation(
            policy=weights, prompt=demonstrations, episodes=2, seed=900_000, json=tmp_path / "result.json", quiet=True
        )
    )
    monkeypatch.setattr(evaluate_episode, "_MADE", {})
    prompts, reset = [], GatoPolicy.reset
    monkeypatch.setattr(GatoPolicy, "reset", lambda self, prompt=None: (prompts.append(prompt), reset(self, prompt))[1])
    plan = check(options)

    class Here:
        def submit(self, job, *arguments):
            evaluate_episode.parts(*arguments)[0].max_steps = 4
            done = Future()
            done.set_result(job(*arguments))
            return done

    outcomes = evaluate._episodes(options, plan, Here())
    evaluate_episode._MADE["environment"].close()
    names = [prompt and (prompt.name, prompt.taken) for prompt in prompts]
    first, last = "the first 2 of 5 steps", "the last 2 of 5 steps"
    assert names == [None, None, ("a.mcap", first), ("b.mcap", first), ("a.mcap", last), ("b.mcap", last)]
    result = evaluate._result(options, plan, outcomes)
    assert result["sets"]["cubes"]["episodes"] == 2 and result["prompt_steps"] == 2
    assert {part: block["against_plain"]["all"]["pairs"] for part, block in result["prompts"].items()} == {
        "start": 2,
        "end": 2,
    }
    kept = PartialResult(plan.partial.path, plan.partial._identity)
    assert all(kept.get(job) == outcome for job, outcome in outcomes.items()) and len(kept) == 6
    options.json.write_text(json.dumps(result))
    assert set(read_result(options.json).conditions) == {"plain", "demonstration prompt", "goal prompt"}
    print_result(result)
    assert "goal prompt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": "hold"}, "trained with prompts"),
        ({"perturb": "light"}, "--prompt or --perturb"),
        ({"prompt": Path("nowhere")}, "an episode, or a folder"),
        ({"task": "lift_red"}, "of the task lift_red as --prompt; got one of red_on_blue in"),
    ],
)
def test_prompts_that_cannot_be_given_are_refused(prompted, changes, words):
    options = {"policy": prompted[0], "prompt": prompted[1], "episodes": 1, **changes}
    with pytest.raises(SetupError, match=words):
        check(evaluate.Evaluation(**options))
