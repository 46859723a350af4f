"""Lifts and pushes, told in words: collected, evaluated, and with the words hidden or heard once."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.core.text import text_from_value
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.episodes.prompt import read_prompt
from gato_ros.domains.rgb_stacking.stage import CardStage
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.collection import Collection, _check, collect
from gato_ros.evaluation.evaluate import Evaluation, evaluate_policy
from gato_ros.evaluation.outcomes import EpisodeOutcome, outcome_from_row, summarise
from gato_ros.evaluation.plan import check
from gato_ros.evaluation.reports import model_card
from gato_ros.evaluation.reports.table import print_result
from gato_ros.models.shipped import SHIPPED

TOLD = "sawyer_rgb_stacking_told"
DATA = {
    "folder": "data",
    "kind": "snapshots",
    "objects": "cubes",
    "episodes": 1,
    "seed": 0,
    "per_scene": 1,
    "policy": None,
}
DONE = {"result": {}, "seconds": 1.0, "sittings": 1, "found": 0, "machine": {"cores": 1, "cpu": "any"}}
STAGES = ("reached", "grasped", "lifted", "held")


@pytest.fixture(scope="module")
def told_once(tmp_path_factory):
    """The file of one demonstration of a lift, with its text in the first second only."""
    folder = tmp_path_factory.mktemp("told")
    options = {"embodiment": TOLD, "episodes": 1, "seed": 510_000, "workers": 1, "image_share": 0.02}
    assert collect(Collection(folder, task="lift_red", text_s=1.0, **options))["kept"] == 1
    (path,) = episode_paths(folder)
    return path


def test_a_task_told_once_is_in_the_first_second_of_the_recording(told_once):
    episode = read_episode(told_once)
    texts = [text_from_value(value) for value in episode.values["task/text"]]
    assert texts[:20] == ["lift the red object"] * 20 and set(texts[20:]) == {""} and len(texts) > 60
    assert episode.metadata["task"] == "lift_red" and episode.metadata["text_s"] == 1.0
    assert told_once.name == "cubes-lift_red-sawyer_rgb_stacking_told-text1s-expert-510000.mcap"
    assert np.isfinite(episode.privileged["privileged/plan"]).all()


@pytest.mark.parametrize(("text_s", "shown"), [(None, 20), (0.0, 0), (0.5, 10)])
def test_a_prompt_shows_its_text_for_as_long_as_an_episode_would(told_once, text_s, shown):
    prompt = read_prompt(told_once, load_embodiment(TOLD), ("task/text", "gripper/opening"), 30, text_s=text_s)
    texts = [text_from_value(one.values["task/text"]) for one in prompt.observations]
    assert texts == ["lift the red object"] * shown + [""] * (30 - shown)
    assert all(one.values["gripper/opening"][0] > 0 for one in prompt.observations[:10])


def test_an_evaluation_of_a_lift_says_its_stages_and_the_wrong_object(tmp_path, capsys):
    options = Evaluation(task="lift_red", episodes=1, seed=510_000, workers=1, quiet=True, json=tmp_path / "a.json")
    evaluate_policy(options)
    result = json.loads(options.json.read_text())
    row = result["sets"]["cubes"]
    assert (result["task"], row["rate"], row["wrong_object_rate"], result["text_s"]) == ("lift_red", 1.0, 0.0, None)
    assert row["stages"] == dict.fromkeys(STAGES, 1)
    print_result(result)
    assert "held" in (out := capsys.readouterr().out) and "wrong object 0.0%" in out and "in words" not in out


def test_the_rate_of_the_wrong_object_is_over_all_episodes():
    wrong = EpisodeOutcome(0, False, 400, "none", (), "wrong_object", stages=STAGES)
    outcomes = [wrong, EpisodeOutcome(1, True, 90, "held", stages=STAGES)]
    assert [outcome_from_row(json.loads(json.dumps(one.row()))) for one in outcomes] == outcomes
    assert [one.ending for one in outcomes] == ["wrong_object", "held"]
    row = summarise(outcomes)
    assert row["wrong_object_rate"] == 0.5 and row["stages"] == dict.fromkeys(STAGES, 1)
    with pytest.raises(ValueError, match="no outcome"):
        outcome_from_row({**wrong.row(), "progress": "stacked"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"text_s": 0.0, "embodiment": "sawyer_rgb_stacking"},
            "got sawyer_rgb_stacking; leave .*sawyer_rgb_stacking_told",
        ),
        ({"text_s": 1.0, "kind": "snapshots", "task": "red_on_blue"}, "--kind episodes with --text-s"),
        ({"text_s": -1.0}, "text-s"),
        ({"task": "push_rde"}, "did you mean 'push_red'"),
    ],
)
def test_what_cannot_be_collected_is_refused(changes, words):
    with pytest.raises(SetupError, match=words):
        _check(Collection(Path("nowhere"), **{"task": "push_red", "embodiment": TOLD, **changes}))


@pytest.mark.parametrize("policy", ["expert", "hold", "sawyer_mastery"])
def test_who_reads_no_text_has_none_to_hide(policy):
    with pytest.raises(SetupError, match=f"with --text-s who reads the task in words.*{policy}, which reads no text"):
        check(Evaluation(policy=policy, task="lift_red", text_s=0.0, episodes=1))


def test_a_card_sums_the_tasks_by_how_they_were_stated(tmp_path):
    """From results as `evaluate` writes them: two tasks in words, one of them also by a demonstration alone."""
    row = {"episodes": 4, "rate": 0.75, "failures": {"wrong_object": 1}, "wrong_object_rate": 0.25, "successes": 3}
    block, none = {"sets": {"cubes": row}}, {**row, "successes": 0, "rate": 0.0, "wrong_object_rate": 0.0}
    results = {
        "a": {"seed": 900_000, "task": "lift_red", "text_s": None, **block},
        "b": {"seed": 900_000, "task": "red_on_green", "text_s": None, "sets": {"cubes": none}},
        "c": {"seed": 900_000, "task": "lift_red", "text_s": 0.0, "sets": {"cubes": none}, "prompts": {"start": block}},
    }
    entries = {"data": {"kind": "CollectStage", "options": {**DATA, "task": "lift_red"}, **DONE}}
    for name, result in results.items():
        write_json(tmp_path / name / "result.json", result)
        entries[name] = {"kind": "EvaluateStage", "options": {"folder": name, "policy": "run/last"}, **DONE}
    shutil.copytree(SHIPPED / "sawyer_mastery", tmp_path / "run" / "last")
    entries["run"] = {"kind": "TrainStage", "options": {"folder": "run", "data": ["data"]}, **DONE}
    stage = CardStage("card", "made/weights", "run/last", ("run",), tuple(results))
    lines = model_card.write(stage, tmp_path, entries).read_text().splitlines()
    assert "| in words | 3 of 8 | 38 % | 14 % - 69 % | 12.5 % |" in lines
    assert "| not at all | 0 of 4 | 0 % | 0 % - 49 % | 0.0 % |" in lines
    assert "| by a demonstration's start | 3 of 4 | 75 % | 30 % - 95 % | 25.0 % |" in lines
    assert "| cubes, red_on_green, in words | no | 0 of 4 | 0 % | 0 % - 49 % | 900000 | 1 wrong object |" in lines
