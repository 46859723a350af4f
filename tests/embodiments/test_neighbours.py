"""Contracts of arms beside each other: two that agree are loaded, every other pair is one clear line."""

import copy
import re

import numpy as np
import pinocchio
import pytest
import yaml

from gato_ros.cli import contract
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.guard_bounds import NeighbourBase
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.loading import FOLDERS
from gato_ros.embodiments.neighbours.geometry import NeighbourGeometry, guard_neighbours
from gato_ros.embodiments.neighbours.placement import joint_states_topic, transform
from gato_ros.embodiments.preflight.nodes import judge_guard
from gato_ros.embodiments.preflight.robot_snapshot import RobotSnapshot, Status
from gato_ros.embodiments.versions.yaml_text import yaml_text

HALF = 3.141592653589793
THERE = {"xyz_m": [1.2, 0.1, 0.05], "rpy_rad": [0.0, 0.0, HALF]}
"""Opposite, looking back; and the first one in the second one's base frame."""
BACK = {"xyz_m": [1.2, 0.1, -0.05], "rpy_rad": [0.0, 0.0, HALF]}


def neighbour(contract: str, base: dict, **more) -> dict:
    return {
        "neighbours": {
            contract: {"contract": f"{contract}.yaml", "base": copy.deepcopy(base), "clearance_m": 0.05, **more}
        }
    }


def pair() -> dict[str, dict]:
    """Two files that agree."""
    return {
        "left": {
            "extends": "sawyer_rgb_stacking",
            "schema": 2,
            "name": "left",
            "wire": {"namespace": "left"},
            "guard": neighbour("right", THERE),
        },
        "right": {
            "extends": "panda_rgb_stacking",
            "schema": 2,
            "name": "right",
            "wire": {"namespace": "right"},
            "guard": neighbour("left", BACK),
        },
    }


def write(folder, files: dict[str, dict]):
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder / "left.yaml"


def test_a_pair_is_loaded_and_circles_end(tmp_path):
    left = load_embodiment(write(tmp_path, pair()))
    assert left.neighbour("right").name == "right" and list(left.guard_neighbours) == ["right"]
    (rule,) = guard_neighbours(left, 0.01).arms
    own, its = left.guard.clearance.capsules, left.neighbour("right").guard.clearance.capsules
    assert rule.geometry.radius.tolist() == [one.radius_m for one in (*own.values(), *its.values())]
    assert {tuple(pair) for pair in rule.geometry.pairs} == {
        (i, len(own) + j) for i in range(len(own)) for j in range(len(its))
    }
    assert (rule.name, rule.reaction_s, rule.speed_m_s) == ("right", 0.03, None)
    assert (rule.geometry.distance_m, rule.max_age_s) == (0.05, 0.1)
    # A third one, which stands beside one of the two: its guard need not know of the other.
    files = pair()
    files["right"]["guard"]["neighbours"] |= neighbour("third", BACK)["neighbours"]
    files["third"] = {**copy.deepcopy(files["left"]), "name": "third", "wire": {"namespace": "third"}}
    write(tmp_path, files)
    right = load_embodiment(tmp_path / "right.yaml")
    assert set(right.guard_neighbours) == {"left", "third"} and right.neighbour("left").name == "left"


def test_a_guard_needs_its_neighbours_unless_it_is_said_to_be_alone(tmp_path):
    left = load_embodiment(write(tmp_path, pair()))
    assert make_guard(left)._neighbours.arms[0].name == "right"
    assert make_guard(left, tick_s=0.005)._neighbours.arms[0].reaction_s == pytest.approx(0.025)
    with pytest.raises(SetupError, match="a loaded neighbour of left"):
        make_guard(left.beside({}))


def test_capsules_of_the_other_arm_are_where_it_stands(tmp_path):
    left = load_embodiment(write(tmp_path, pair()))
    right = load_embodiment(tmp_path / "right.yaml")
    q = np.array(right.arm.posture_rad)
    seen = NeighbourGeometry(left.neighbour("right"), left.guard_neighbours["right"]).state(q, 1.0, 2.0)
    own = Kinematics(right).state(q, q, 0.0, 0.0).capsule_ends
    np.testing.assert_allclose(Kinematics(right).capsule_ends(q), own)
    turned = own * [-1.0, -1.0, 1.0] + THERE["xyz_m"]
    np.testing.assert_allclose(seen.capsule_ends, turned, atol=1e-9)
    assert (seen.stamp_s, seen.received_s) == (1.0, 2.0)
    back = NeighbourGeometry(right.neighbour("left"), right.guard_neighbours["left"])
    q = np.array(left.arm.posture_rad)
    own = Kinematics(left).capsule_ends(q)
    np.testing.assert_allclose(back.state(q, 0.0, 0.0).capsule_ends, own * [-1.0, -1.0, 1.0] + BACK["xyz_m"], atol=1e-9)


def test_a_base_turns_as_a_urdf_says():
    rpy = np.array([0.3, -0.7, 2.1])
    made = transform(NeighbourBase(xyz_m=[1.0, 2.0, 3.0], rpy_rad=rpy.tolist()))
    np.testing.assert_allclose(made[:3, :3], pinocchio.rpy.rpyToMatrix(rpy), atol=1e-12)
    assert made[:3, 3].tolist() == [1.0, 2.0, 3.0] and made[3].tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("stated, topic", [(None, "/right/joint_states"), ("/a/b", "/a/b"), ("js", "/right/js")])
def test_its_states_come_from_its_namespace_or_the_topic_that_is_named(tmp_path, stated, topic):
    files = pair()
    if stated is not None:
        files["left"]["guard"]["neighbours"]["right"]["joint_states"] = stated
    left = load_embodiment(write(tmp_path, files))
    assert joint_states_topic(left.guard_neighbours["right"], left.neighbour("right")) == topic


def changed(way: str, value) -> dict[str, dict]:
    files = pair()
    *path, last = way.split("/")
    section = files
    for key in path:
        section = section[key]
    if value is None:
        del section[last]
    else:
        section[last] = value
    return files


TO_RIGHT, TO_LEFT = "left/guard/neighbours/right", "right/guard/neighbours/left"
REFUSED = {
    "negative clearance": (f"{TO_RIGHT}/clearance_m", -0.01, r"clearance_m, line \d+.*greater than or equal to 0"),
    "no such contract": (f"{TO_RIGHT}/contract", "sawyre_rgb_stacking", "did you mean 'sawyer_rgb_stacking'"),
    "no such file": (f"{TO_RIGHT}/contract", "there/is/none.yaml", r"none\.yaml"),
    "no base": (f"{TO_RIGHT}/base", None, "guard.neighbours.right.base"),
    "a base of two numbers": (f"{TO_RIGHT}/base/xyz_m", [1.0, 2.0], "xyz_m"),
    "an unknown key": (f"{TO_RIGHT}/clearence_m", 0.1, "did you mean 'clearance_m'"),
    "not named back": (
        f"{TO_LEFT}/contract",
        "panda_rgb_stacking",
        "guard.neighbours of right to name left.*speed_m_s",
    ),
    "names nobody": ("right/guard", None, "guard.neighbours of right to name left.*got none"),
    "another place": (f"{TO_LEFT}/base/xyz_m", [1.2, 0.1, 0.05], r"inverse.*-0\.05\].*100 mm"),
    "another turn": (f"{TO_LEFT}/base/rpy_rad", [0.0, 0.1, HALF], r"5\.7 degrees"),
    "two clearances": (f"{TO_LEFT}/clearance_m", 0.04, "0.05 and 0.04"),
    "one topic for both": (f"{TO_RIGHT}/joint_states", "/left/joint_states", "this arm's own"),
    "no neighbour at all": ("left/guard/neighbours", {}, "guard.neighbours"),
    "a name that is none": ("left/guard/neighbours", {"a b": neighbour("right", THERE)["neighbours"]["right"]}, "a b"),
    "schema 1": ("left/schema", None, r"guard\.neighbours.*which is a key of schema 2"),
}


@pytest.mark.fault("B4")
@pytest.mark.parametrize("case", REFUSED)
def test_a_pair_that_does_not_agree_is_refused_in_one_line(tmp_path, case):
    way, value, says = REFUSED[case]
    files = changed(way, value)
    if case == "one topic for both":
        files["right"]["extends"] = "sawyer_rgb_stacking"
    with pytest.raises(SetupError) as refused:
        load_embodiment(write(tmp_path, files))
    assert re.search(says, str(refused.value)) and "\n" not in str(refused.value), str(refused.value)


@pytest.mark.fault("B4")
@pytest.mark.parametrize("which", ["left", "right"])
def test_an_arm_without_capsules_has_no_neighbours_and_is_none(tmp_path, which):
    files = pair()
    robot = load_embodiment(files[which].pop("extends"))
    whole = yaml.safe_load(yaml_text(robot))
    del whole["guard"]["clearance"]
    (tmp_path / robot.urdf).write_bytes(robot.urdf_path.read_bytes())
    whole["wire"]["namespace"], whole["name"] = which, which
    whole["guard"]["neighbours"] = files[which]["guard"]["neighbours"]
    if which == "right":
        del whole["guard"]["neighbours"]
    files[which] = whole
    with pytest.raises(SetupError, match=r"guard\.clearance"):
        load_embodiment(write(tmp_path, files))


def test_one_that_does_not_yield_need_not_name_this_arm(tmp_path):
    files = changed(f"{TO_RIGHT}/speed_m_s", 0.5)
    del files["right"]["guard"]
    left = load_embodiment(write(tmp_path, files))
    assert guard_neighbours(left, 0.01).arms[0].speed_m_s == 0.5
    files["left"]["guard"]["neighbours"]["right"]["speed_m_s"] = 0.0
    with pytest.raises(SetupError, match="speed_m_s"):
        load_embodiment(write(tmp_path, files))


def test_named_contracts_are_found_by_name(tmp_path, monkeypatch):
    files = pair()
    files["left"]["guard"]["neighbours"]["right"]["contract"] = "right"
    files["right"]["guard"]["neighbours"]["left"]["contract"] = "left"
    write(tmp_path, files)
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    assert load_embodiment("left").neighbour("right").name == "right"


def test_only_the_guards_digest_knows_of_neighbours(tmp_path):
    alone = pair()
    for name in ("left", "right"):
        del alone[name]["guard"]
    (tmp_path / "alone").mkdir()
    before = load_embodiment(write(tmp_path / "alone", alone))
    after = load_embodiment(write(tmp_path, pair()))
    assert before.digest == after.digest and before.guard_digest != after.guard_digest
    guards = {after.guard_digest}
    for way, value in ((f"{TO_RIGHT}/latency_s", 0.03), ("right/guard/clearance", {"distance_m": 0.03})):
        files = changed(way, value)
        guards.add(load_embodiment(write(tmp_path, files)).guard_digest)
    assert len(guards) == 3, "what is kept free, and where the other one's parts are"


def test_the_verb_shows_and_upgrades_a_contract_with_neighbours(tmp_path, capsys):
    path = write(tmp_path, pair())
    result = contract.run(contract.Options(str(path), upgrade=True))
    (tmp_path / "left.yaml").write_text(result["yaml"])
    assert load_embodiment(path).guard_neighbours["right"].base.xyz_m == THERE["xyz_m"]
    capsys.readouterr()
    write(tmp_path, pair())
    contract.run(contract.Options(str(path)))
    assert "right, 0.05 m kept, /right/joint_states" in capsys.readouterr().out


def test_the_doctor_names_an_arm_that_the_guard_does_not_see(tmp_path):
    left = load_embodiment(write(tmp_path, pair()))
    said = Status("error", "latched", {"reasons": "not_armed,missing_neighbour:right"})
    rows = {row.what: row for row in judge_guard(left, RobotSnapshot(guard=said))}
    other = rows["other arm: right"]
    assert other.level == "red" and "missing" in other.found and "/right/joint_states" in other.fix
    well = Status("ok", "ok", {"reasons": "neighbour:right"})
    assert [row.level for row in judge_guard(left, RobotSnapshot(guard=well))] == ["green"]
