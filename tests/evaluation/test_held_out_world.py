"""`evaluate --world`: refused by name, named in every result, paired with the plain world's starts."""

import dataclasses
import json
from pathlib import Path

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.evaluation import evaluate, settings
from gato_ros.evaluation.collection import Collection
from gato_ros.evaluation.comparison import read_result
from gato_ros.evaluation.episode import Job
from gato_ros.evaluation.outcomes import EpisodeOutcome
from gato_ros.evaluation.plan import check, of_a_robot
from gato_ros.evaluation.reports.table import print_result
from gato_ros.sim.held_out.worlds import WORLDS

ROOT = Path(__file__).parents[2]


def options(world="plain", **more):
    return evaluate.Evaluation(policy="hold", episodes=4, seed=900_000, world=world, quiet=True, **more)


def outcomes(world, stacked):
    return {
        Job("hold", "cubes", seed, world=world): EpisodeOutcome(seed, seed - 900_000 < stacked, 100, None)
        for seed in range(900_000, 900_004)
    }


def written(folder, world, stacked):
    asked = of_a_robot(options(world))
    path = folder / f"{world}.json"
    path.write_text(json.dumps(evaluate._result(asked, check(asked), outcomes(world, stacked))))
    return path


@pytest.mark.parametrize("name", ["", "dynamic", "../..", "a\nb", "PLAIN"])
def test_an_unknown_world_is_refused_before_anything_starts(name):
    with pytest.raises(
        SetupError, match=r"a world in \{covered, dynamics, gripper, mujoco, opengl, plain, real_cell\}"
    ):
        check(options(name))


def test_a_world_and_a_perturbation_are_one_too_many():
    with pytest.raises(SetupError, match="--world or --perturb; got both"):
        check(options("dynamics", perturb="light"))


def test_a_robot_that_a_world_cannot_hold_is_refused_first():
    pytest.importorskip("mujoco", reason="MuJoCo is an extra: pip install gato_ros[mujoco]")
    with pytest.raises(SetupError, match="whose jaw turns"):
        check(options("mujoco", embodiment="so101_rgb_stacking"))


def test_another_domain_has_no_such_worlds():
    with pytest.raises(SetupError, match="got --world"):
        evaluate.evaluate_policy(options("dynamics", domain="babyai"))


def test_a_result_names_its_world_and_pairs_with_the_plain_one(tmp_path, capsys):
    plain, held_out = (read_result(written(tmp_path, *one)) for one in (("plain", 4), ("dynamics", 2)))
    assert [list(one.conditions) for one in (plain, held_out)] == [["plain"], ["dynamics"]]
    result = json.loads((tmp_path / "dynamics.json").read_text())
    assert result["world"] == "dynamics" and result["perturbation"] is None
    print_result(result)
    assert "world dynamics" in capsys.readouterr().out
    paired = evaluate._compare_files(options(result=held_out.path, against=plain.path))["against"]["conditions"]
    assert paired["dynamics"]["that"] == "plain"
    assert paired["dynamics"]["all"]["only_that"] == 2 and paired["dynamics"]["all"]["both"] == 2


def test_a_result_of_before_there_was_a_choice_is_plain(tmp_path):
    path = written(tmp_path, "plain", 1)
    record = json.loads(path.read_text())
    assert record.pop("world") == "plain"
    path.write_text(json.dumps(record))
    assert list(read_result(path).conditions) == ["plain"]


def test_an_interrupted_world_does_not_go_on_in_another(tmp_path):
    path = tmp_path / "result.json"
    kept = check(options("dynamics", json=path)).partial
    kept.add(Job("hold", "cubes", 900_000, world="dynamics"), EpisodeOutcome(900_000, True, 9, "stacked"))
    kept.close()
    assert len(check(options("dynamics", json=path)).partial) == 1
    with pytest.raises(SetupError, match='world "dynamics", now null'):
        check(options(json=path))


def test_an_episode_is_played_in_the_world_that_its_job_names():
    from gato_ros.evaluation.episode import _MADE, parts

    for world in ("dynamics", "plain"):
        environment, _ = parts(Job("hold", "cubes", 900_000, world=world))
        environment.start(900_000)
        assert environment.conditions.latency_ticks == {"dynamics": 2, "plain": 0}[world]
    _MADE.pop("environment").close()
    _MADE.clear()


def test_the_help_of_evaluate_names_every_world():
    text = " ".join(Path(settings.__file__).read_text().split())
    assert [name for name in WORLDS if f"{name} (" not in text] == []


def test_what_collects_and_what_trains_takes_no_held_out_world():
    assert "world" not in {field.name for field in dataclasses.fields(Collection)}
    rooms = ("gato_ros/evaluation/training_run", "gato_ros/training", "gato_ros/evaluation/collection.py")
    paths = [path for room in rooms for path in (ROOT / room, *(ROOT / room).rglob("*.py")) if path.is_file()]
    assert len(paths) > 20 and [path for path in paths if "held_out_world" in path.read_text()] == []
