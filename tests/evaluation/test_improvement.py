"""`improve`: what is refused, what keeps or drops a round, and a round of toys that is cut off and gone on with."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.cli import main
from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.core.statistics import PairedCounts
from gato_ros.data.checks.episode_filter import left_out
from gato_ros.data.episodes.command_source import LABELS, OWN, command_sources
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.episodes.label import add_label
from gato_ros.domains.rgb_stacking.improve_recipe import START, RoundSizes
from gato_ros.domains.rgb_stacking.stage import CollectStage, EvaluateStage
from gato_ros.domains.robot_presets import ROBOT_PRESETS
from gato_ros.evaluation import collection
from gato_ros.evaluation.comparison import figures
from gato_ros.evaluation.improvement import rounds
from gato_ros.evaluation.improvement.learning import own_recordings, own_steps, succeeded, value_figures
from gato_ros.evaluation.outcomes import EpisodeOutcome, summarise
from gato_ros.evaluation.policy_build.ledger import Ledger
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import init
from gato_ros.models.weights import load_weights, save_weights
from gato_ros.training.outcomes.weighting import success_weights
from tests.data.recordings import FACTS, ROBOT, write

SIZES = RoundSizes(
    ROBOT.name, ("cubes", "triplet1"), 10, 0.5, 500_000, 10_000, (), 0.0, "success", None, 5, 8, 1e-3, 40, 800_000
)


def paired(**counts):
    """As `compare` finds it, from (both, only after, only before, neither) of each set."""
    found = {name: PairedCounts(*four) for name, four in counts.items()}
    return {
        "sets": {name: figures(one) for name, one in found.items()},
        "all": figures(sum(found.values(), PairedCounts(0, 0, 0, 0))),
    }


@pytest.mark.parametrize(
    "sets, kept",
    [
        ({"cubes": (15, 0, 0, 5)}, True),  # the same
        ({"cubes": (15, 4, 1, 0), "triplet1": (10, 1, 2, 7)}, True),  # one set down by one, which shows nothing
        ({"cubes": (15, 0, 1, 4)}, False),  # fewer in all
        ({"cubes": (0, 20, 0, 0), "triplet1": (5, 0, 12, 3)}, False),  # one set is shown to be worse
    ],
)
def test_a_round_is_kept_unless_it_is_worse(sets, kept):
    assert rounds.is_no_worse(paired(**sets)) is kept


def evaluation(good):
    """A result of 40 episodes, the first `good` of which stacked."""
    return summarise([EpisodeOutcome(800_000 + place, place < good, 100, None) for place in range(40)])


def played(successes):
    """In place of `run_all`: each stage has what it would have come to; `successes` of an evaluation by its name."""

    def run_all(stages, count, ledger, out, workers):
        for stage in stages:
            with ledger.sitting(stage, 0) as found:
                if isinstance(stage, EvaluateStage):
                    row = evaluation(successes[stage.name])
                    about = {"policy": stage.policy, "perturbation": None, "sets": {stage.objects: row}}
                    write_json(out / stage.folder / "result.json", about)
                    found["sets"] = {stage.objects: row}
                elif not isinstance(stage, CollectStage):
                    found["learned"] = True

    return run_all


def test_a_worse_round_is_dropped_and_the_next_starts_where_it_did(tmp_path, monkeypatch):
    before = {"start_on_cubes": 30, "start_on_triplet1": 20}
    first = {"round_1_on_cubes": 40, "round_1_on_triplet1": 2}
    second = {"round_2_on_cubes": 31, "round_2_on_triplet1": 20}
    monkeypatch.setattr(rounds, "run_all", played({**before, **first, **second}))
    monkeypatch.setattr(rounds, "_own_successes", lambda drives, out: 7)
    ledger, episodes = Ledger(tmp_path), []
    worse, policy = rounds._round(SIZES, 1, START, episodes, ledger, tmp_path, 1)
    assert (worse["kept"], worse["successes"], policy) == (False, 7, START)
    assert worse["after"]["triplet1"]["successes"] == 2 and worse["paired"]["sets"]["triplet1"]["difference"] < 0
    better, policy = rounds._round(SIZES, 2, policy, episodes, ledger, tmp_path, 1)
    assert (better["kept"], better["from"], policy) == (True, START, "round_2/run/last")
    entries = ledger.entries
    assert entries["round_2_cubes"]["options"]["policy"] == START
    assert [entries[f"round_{number}_cubes"]["options"]["seed"] for number in (1, 2)] == [500_000, 510_000]
    assert len(entries["round_2_learning"]["options"]["episodes"]) == 4  # of both rounds
    assert entries["start_on_cubes"]["sittings"] == 2  # a stage of both rounds, which the real one does once
    result = rounds._result(SIZES, [worse, better], tmp_path / policy)
    assert (result["kept"], result["episodes"], result["evaluation_episodes"]) == (1, 40, 240)


def test_other_options_than_the_folder_was_begun_with_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "run_all", played(dict.fromkeys(["start_on_cubes", "round_1_on_cubes"], 20)))
    monkeypatch.setattr(rounds, "_own_successes", lambda drives, out: 7)
    ledger, sizes = Ledger(tmp_path), replace(SIZES, sets=("cubes",))
    rounds._round(sizes, 1, START, [], ledger, tmp_path, 1)
    with pytest.raises(SetupError, match="round_1_learning with steps = 5.*; got .*steps = 6.*; use another --out$"):
        rounds._round(replace(sizes, steps=6), 1, START, [], ledger, tmp_path, 1)


def test_steps_of_a_failed_episode_are_not_learned_from(tmp_path):
    mine = {**FACTS, LABELS: OWN}
    write(tmp_path, "failed", range(4), mine, {"success": False})
    write(tmp_path, "stacked", range(3), mine, {"success": True})
    assert [path.name for path in left_out(tmp_path)] == ["failed.mcap"]  # `train` leaves it out as well
    found = own_recordings([tmp_path])
    good = [succeeded(one) for one in found]
    frames, weights = own_steps(found, success_weights([len(one.frames) for one in found], good))
    assert good == [False, True] and len(frames) == 3 and weights == pytest.approx([1 / 3] * 3)


def test_values_are_judged_by_how_much_an_outcome_surprises_them():
    found = value_figures([np.array([0.5, 0.5]), np.array([0.25])], [True, False])
    assert found["surprise_nat"] == pytest.approx((np.log(2) - np.log(0.75)) / 2)
    assert found["surprise_of_the_rate_nat"] == pytest.approx(np.log(2))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Weights of a toy that never learned, and two demonstrations."""
    place = tmp_path_factory.mktemp("improve")
    model = ROBOT_PRESETS["debug_one_pass"].deployed()
    save_weights(place / "policy", init(jax.random.key(0), model, token_layout(ROBOT.spec, model)), model, ROBOT)
    for name in ("one", "two"):
        write(place / "data", name, range(6))
    return place


def command(place, out, *more):
    chosen = ("--policy", place / "policy", "--data", place / "data", "--out", out, "--workers", 1)
    return ["improve", *map(str, (*chosen, *more))]


@pytest.mark.parametrize(
    "more, word",
    [
        (("--set", "cubes,triplet9"), "'triplet9'; did you mean 'triplet"),
        (("--set", "triplet1,triplets"), "each object set once"),
        (("--rounds", "31"), "--rounds of at most 30"),
        (("--seed", "795000"), "other seeds to drive than to be measured on"),
        (("--evaluation-seed", "899950"), "seeds below 900000"),
        (("--data",), "--demonstration-share 0"),
        (("--demonstration-share", "1"), "--demonstration-share in [0, 1)"),
        (("--advantage-temperature", "0.1"), "--weighting advantage"),
        (("--policy", "sawyer_mastry"), "did you mean 'sawyer_mastery'"),
        (("--policy", "gato_generalist"), "a policy of single steps"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(untrained, tmp_path, capsys, more, word):
    with pytest.raises(SystemExit) as end:
        main(command(untrained, tmp_path / "out", *more))
    assert end.value.code == 2 and word in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def run(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code


def test_a_round_that_is_cut_off_goes_on_and_doubles_nothing(untrained, tmp_path, played_here, monkeypatch, capsys):
    out, result = tmp_path / "out", tmp_path / "result.json"
    sizes = ("--episodes", 2, "--evaluation-episodes", 1, "--steps", 4, "--batch", 8, "--weighting", "advantage")
    arguments = command(untrained, out, *sizes, "--json", result)
    whole, begun = collection._episode, []

    def cut_off(*given):
        begun.append(given)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return whole(*given)

    with monkeypatch.context() as patched:
        patched.setattr(collection, "_episode", cut_off)
        assert run(arguments) == 130
    folder = out / "round_1" / "episodes_cubes"
    (first,) = episode_paths(folder)
    assert Ledger(out).entries["round_1_cubes"]["state"] == "interrupted"
    content = first.read_bytes()
    episode = read_episode(first)
    assert set(command_sources(episode)) == {"policy"} and episode.metadata["temperature"] == 0.5
    assert np.array_equal(episode.actions, episode.executed) and episode.privileged == {}
    assert not episode.outcome["success"]
    add_label(first, verdict="success", by="Ada")  # a person may say it, too; to play nothing is ever stacked

    assert run(arguments) == 0, capsys.readouterr().err
    assert len(episode_paths(folder)) == 2 and first.read_bytes() == content
    found = json.loads(result.read_text())
    (row,) = found["rounds"]
    assert (row["episodes"], row["successes"], row["kept"], found["episodes"]) == (2, 1, True, 2)
    assert row["before"]["cubes"]["successes"] == row["after"]["cubes"]["successes"] == 0
    assert found["evaluation_episodes"] == 2 and row["learning"]["frames"]["demonstrations"] == 6
    assert row["learning"]["value"]["surprise_nat"] > 0
    assert found["policy"] == str(out / "round_1/run/last")
    assert load_weights(found["policy"], ROBOT).extra["step"] == 4

    ledger = (out / "ledger.json").read_bytes()
    assert run(arguments) == 0 and (out / "ledger.json").read_bytes() == ledger
    assert run([*arguments, "--policy", "sawyer_mastery"]) == 2
    assert "use another --out" in capsys.readouterr().err
