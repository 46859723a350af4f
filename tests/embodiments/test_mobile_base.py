"""How a contract states a mobile base: a part of the action, and bounds of the guard."""

import json

import numpy as np
import pytest
import yaml

from gato_ros.bench.guard.variants import BASE, variant
from gato_ros.cli import main
from gato_ros.core.errors import SetupError
from gato_ros.data.exports.value_names import action_names
from gato_ros.data.imports.mapping import ActionPicks, check_action
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.hold import hold_policy, standing_action
from gato_ros.embodiments.actions.parts import places_of
from gato_ros.embodiments.guard import base_limits
from gato_ros.embodiments.preflight.nodes import commands, proposals
from gato_ros.embodiments.versions.yaml_text import yaml_text

SAWYER = load_embodiment()
PART = {
    "kind": "planar_base",
    "axes": ["vx", "wz"],
    "frame_id": "base_link",
    "units": ["m/s", "rad/s"],
    "lower": [-0.3, -0.6],
    "upper": [0.4, 0.7],
}
BOUNDS = {"speed": [0.3, 0.6], "acceleration": [0.5, 1.0], "deceleration": [1.0, 2.0]}
OTHER = {"contract": "other.yaml", "base": {"xyz_m": [1.0, 0.0, 0.0], "rpy_rad": [0.0, 0.0, 0.0]}, "clearance_m": 0.05}


def on_wheels(tmp_path, part=PART, bounds=BOUNDS, **sections):
    """The Sawyer's contract with that part and these bounds, from a file; None leaves either out."""
    content = {"extends": SAWYER.name, "schema": 2, "name": "wheels", "simulation": None, **sections}
    if part is not None:
        content["actions"] = {"base/velocity": dict(part)}
    if bounds is not None:
        content["guard"] = {"base": dict(bounds)}
    path = tmp_path / "wheels.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_embodiment(path)


def refusal(*arguments, **more) -> str:
    with pytest.raises(SetupError) as error:
        on_wheels(*arguments, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_its_part_comes_last_whatever_its_place_in_the_file(tmp_path):
    robot = on_wheels(tmp_path)
    assert list(robot.spec.actions) == ["twist", "gripper", "base/velocity"]
    assert robot.spec.actions["base/velocity"].units == ("m/s", "rad/s")
    np.testing.assert_array_equal(robot.action_lower[-2:], [-0.3, -0.6])
    np.testing.assert_array_equal(robot.action_upper[-2:], [0.4, 0.7])
    assert places_of(robot.actions) == {"arm": slice(0, 4), "gripper": slice(4, 5), "base": slice(5, 7)}
    assert (robot.base_key, robot.base_part.names, robot.gripper_key) == ("base/velocity", ("vx", "wz"), "gripper")


def test_a_base_makes_another_robot_and_another_guard(tmp_path):
    robot = on_wheels(tmp_path)
    assert not robot.usual_actions and robot.digest != SAWYER.digest and robot.guard_digest != SAWYER.guard_digest
    assert robot.policy_contract(["gripper/opening"]) != SAWYER.policy_contract(["gripper/opening"])
    tighter = on_wheels(tmp_path, bounds={**BOUNDS, "speed": [0.2, 0.6]})
    assert tighter.digest == robot.digest and tighter.guard_digest != robot.guard_digest
    assert SAWYER.base_key is None and SAWYER.base_part is None and base_limits(SAWYER) is None


def test_the_guard_has_the_contract_s_bounds(tmp_path):
    limits = base_limits(on_wheels(tmp_path, bounds={**BOUNDS, "arm_speed_rad_s": 0.1}))
    assert [values.tolist() for values in (limits.speed, limits.acceleration, limits.deceleration)] == [
        [0.3, 0.6],
        [0.5, 1.0],
        [1.0, 2.0],
    ]
    assert limits.arm_speed == 0.1 and base_limits(on_wheels(tmp_path)).arm_speed is None


def test_topics_are_the_usual_ones_or_those_that_are_stated(tmp_path):
    robot = on_wheels(tmp_path)
    assert robot.base_topics == ("proposal/base", "command/base")
    twist = "geometry_msgs/msg/TwistStamped"
    assert commands(robot)["command/base"] == proposals(robot)["proposal/base"] == twist
    assert "command/base" not in commands(SAWYER) and "proposal/base" not in proposals(SAWYER)
    stated = on_wheels(tmp_path, {**PART, "topic": "mine"}, wire={"base_command": "cmd_vel"})
    assert stated.base_topics == ("mine", "cmd_vel") and stated.digest != robot.digest
    assert stated.policy_contract(["gripper/opening"]) == robot.policy_contract(["gripper/opening"])


def test_it_prints_as_the_same_contract(tmp_path):
    robot = variant(SAWYER, BASE)
    path = tmp_path / "robot.yaml"
    path.write_text(yaml_text(robot).replace(robot.urdf, str(robot.urdf_path)))
    assert load_embodiment(path).model_dump(exclude={"urdf"}) == robot.model_dump(exclude={"urdf"})


def test_standing_still_is_zeros_of_the_base(tmp_path):
    robot = on_wheels(tmp_path)
    action = standing_action(robot, np.zeros(7), 0.03)
    assert list(action.values) == list(robot.spec.actions) and action.values["base/velocity"].tolist() == [0.0, 0.0]
    assert hold_policy(robot).observation_keys == ("gripper/opening",)


def test_names_of_its_values_say_that_they_are_the_base_s(tmp_path):
    assert action_names(on_wheels(tmp_path))[-3:] == ("gripper_opening_m", "base_vx_m_s", "base_wz_rad_s")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axes": ["vx", "vz"]}, "it should be 'vx', 'vy' or 'wz', not 'vz'"),
        ({"axes": ["vx", "vx"]}, "vx twice"),
        ({"axes": ["vx"]}, "1 of axes for 2 values"),
        ({"units": ["m/s", "m/s"]}, "the units of vx, wz are m/s, rad/s, got m/s, m/s"),
        ({"lower": [0.1, -0.6]}, "vx has no zero between lower and upper"),
        ({"upper": [0.4, -0.1]}, "wz has no zero between lower and upper"),
        ({"lower": [0.5, -0.6]}, "lower must be below upper"),
        ({"frame_id": ""}, "frame_id"),
        ({"frame": "base"}, "frame"),
    ],
)
def test_a_part_that_makes_no_sense_is_refused(changes, said, tmp_path):
    assert said in refusal(tmp_path, {**PART, **changes})


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (None, "guard.base says how fast the base may be and become"),
        ({**BOUNDS, "speed": [0.3]}, "guard.base.speed"),
        ({**BOUNDS, "deceleration": [1.0, 2.0, 3.0]}, "one value for each of vx, wz, got 3"),
        ({**BOUNDS, "acceleration": [0.5, 0.0]}, "guard.base.acceleration"),
        ({**BOUNDS, "acceleration": [0.5, float("nan")]}, "guard.base.acceleration"),
        ({**BOUNDS, "arm_speed_rad_s": -1.0}, "guard.base.arm_speed_rad_s"),
        ({"speed": [0.3, 0.6]}, "guard.base"),
    ],
)
def test_bounds_that_are_missing_or_do_not_fit_are_refused(bounds, said, tmp_path):
    assert said in refusal(tmp_path, bounds=bounds)


def test_what_nothing_would_use_is_refused(tmp_path):
    assert "nothing would move a base" in refusal(tmp_path, part=None)
    assert "wire.base_command" in refusal(tmp_path, part=None, bounds=None, wire={"base_command": "cmd_vel"})


def test_two_bases_are_refused(tmp_path):
    second = {**PART, "topic": "proposal/second"}
    parts = json.loads(json.dumps({"first": PART, "second": second}))  # else yaml writes an alias
    said = refusal(tmp_path, part=None, actions=parts)
    assert "one part of kind planar_base at most, got first, second" in said


def test_neither_the_simulator_nor_a_neighbour_takes_a_base(tmp_path):
    path = tmp_path / "wheels.yaml"
    content = {"extends": SAWYER.name, "schema": 2, "name": "wheels", "actions": {"base": PART}}
    path.write_text(yaml.safe_dump({**content, "guard": {"base": BOUNDS}}))
    with pytest.raises(SetupError, match="write `simulation: null`"):
        load_embodiment(path)
    with pytest.raises(SetupError, match="without a part of kind planar_base for the simulator"):
        _ = on_wheels(tmp_path).simulated
    content |= {"simulation": None, "guard": {"base": BOUNDS, "neighbours": {"other": OTHER}}}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SetupError, match="which drives"):
        load_embodiment(path)


def test_an_import_refuses_it_in_one_line(tmp_path):
    picks = ActionPicks.model_validate({"arm": {"from": "a", "index": [0]}, "gripper": {"from": "b"}})
    with pytest.raises(SetupError, match="base/velocity in wheels") as error:
        check_action(picks, on_wheels(tmp_path))
    assert "\n" not in str(error.value)


def test_the_contract_verb_shows_it(tmp_path, capsys):
    on_wheels(tmp_path, bounds={**BOUNDS, "arm_speed_rad_s": 0.1})
    with pytest.raises(SystemExit) as ended:
        main(["contract", str(tmp_path / "wheels.yaml"), "--json", str(tmp_path / "found.json")])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0 and "proposal/base to command/base" in said and "vx 0.3 m/s" in said
    assert json.loads((tmp_path / "found.json").read_text())["base"] == ["vx", "wz"]
