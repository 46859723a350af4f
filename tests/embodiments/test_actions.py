"""How a contract states its actions: parts by key, each with its spec, its wire and its follower."""

import json

import numpy as np
import pytest
import yaml

from gato_ros.bench.guard.variants import VARIANTS, variant
from gato_ros.core.errors import SetupError
from gato_ros.core.guard.following.joints import JointPositionFollower, JointVelocityFollower
from gato_ros.core.guard.following.twist import TwistFollower
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.gripper import joint_position_rad, opening_m
from gato_ros.embodiments.contract import FOLDER
from gato_ros.embodiments.versions.yaml_text import yaml_text

SAWYER = load_embodiment()
JOINTS = SAWYER.arm.joints
ORIENTATION = {"tool_z": [0.0, 0.0, -1.0], "cone_rad": 0.4, "tool_x": [1.0, 0.0, 0.0], "yaw_rad": [-1.0, 1.0]}
SIX = {
    "kind": "twist",
    "components": ["vx", "vy", "vz", "wx", "wy", "wz"],
    "frame": "tool",
    "others": "held",
    "units": ["m/s"] * 3 + ["rad/s"] * 3,
    "lower": [-0.05] * 3 + [-0.5] * 3,
    "upper": [0.05] * 3 + [0.5] * 3,
}
VELOCITY = {
    "kind": "joint_velocity",
    "topic": "proposal/joint_velocity",
    "joints": [JOINTS[6], JOINTS[0]],
    "units": ["rad/s"] * 2,
    "lower": [-0.3, -0.2],
    "upper": [0.3, 0.2],
}
POSITION = {
    **VELOCITY,
    "kind": "joint_position",
    "units": ["rad"] * 2,
    "topic": "proposal/joint_position",
    "mode": "absolute",
    "reach_s": 0.1,
}
DELTA = {**{key: value for key, value in POSITION.items() if key != "reach_s"}, "mode": "delta"}
OPENING = {"kind": "gripper", "by": "opening", "units": ["m"], "lower": [0.0], "upper": [0.085], "binary": False}


def contract_with(tmp_path, actions, **sections):
    """The Sawyer's contract in schema 2 with these actions, and fields of sections changed; from a file."""
    content = yaml.safe_load(yaml_text(SAWYER))
    content["urdf"] = str(FOLDER / content["urdf"])
    content["actions"] = json.loads(json.dumps(actions))  # a list that is used twice would be written as an alias
    for name, fields in sections.items():
        content[name] |= fields
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_embodiment(path)


def refusal(tmp_path, actions, **sections) -> str:
    with pytest.raises(SetupError) as error:
        contract_with(tmp_path, actions, **sections)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_shipped_actions_are_the_usual_ones():
    for name in ("sawyer_rgb_stacking", "panda_rgb_stacking", "sawyer_rgb_stacking_told"):
        robot = load_embodiment(name)
        assert robot.usual_actions and list(robot.actions) == ["twist", "gripper"]
        assert robot.arm_part.names == ("vx", "vy", "vz", "wz") and robot.gripper_part.binary


def test_a_part_is_the_spec_of_its_values(tmp_path):
    robot = contract_with(tmp_path, {"arm": SIX, "gripper": OPENING}, limits={"orientation": ORIENTATION})
    assert list(robot.spec.actions) == ["arm", "gripper"]
    assert robot.spec.actions["arm"].units == tuple(SIX["units"])
    assert not robot.spec.actions["gripper"].binary, "an opening in between counts"
    np.testing.assert_array_equal(robot.action_lower, [*SIX["lower"], 0.0])
    np.testing.assert_array_equal(robot.action_upper, [*SIX["upper"], 0.085])
    assert (robot.arm_key, robot.arm_part.message) == ("arm", "geometry_msgs/msg/TwistStamped")


def test_the_arm_comes_before_the_gripper_in_whatever_order_a_file_has_them(tmp_path):
    assert list(contract_with(tmp_path, {"gripper": OPENING, "arm": VELOCITY}).spec.actions) == ["arm", "gripper"]


def test_a_part_knows_its_follower(tmp_path):
    follower = contract_with(tmp_path, {"arm": VELOCITY, "gripper": OPENING}).arm_part.follower(JOINTS, 0.05)
    assert isinstance(follower, JointVelocityFollower) and follower.joints.tolist() == [6, 0]
    part = contract_with(tmp_path, {"arm": POSITION, "gripper": OPENING}).arm_part
    follower = part.follower(JOINTS, 0.05)
    assert isinstance(follower, JointPositionFollower) and (follower.delta, follower.reach_s) == (False, 0.1)
    assert (part.message, part.field, part.standstill) == ("sensor_msgs/msg/JointState", "position", None)
    part = contract_with(tmp_path, {"arm": DELTA, "gripper": OPENING}).arm_part
    follower = part.follower(JOINTS, 0.05)
    assert (follower.delta, follower.reach_s) == (True, 0.05) and part.standstill == (0.0, 0.0)
    twist = {**SIX, "components": SIX["components"][::-1], "units": SIX["units"][::-1]}
    robot = contract_with(tmp_path, {"arm": twist, "gripper": OPENING}, limits={"orientation": ORIENTATION})
    follower = robot.arm_part.follower(JOINTS, 0.05)
    assert (
        isinstance(follower, TwistFollower) and follower.in_tool and follower.components.tolist() == [5, 4, 3, 2, 1, 0]
    )


@pytest.mark.parametrize("kind", VARIANTS)
def test_other_actions_make_another_contract_and_print_as_the_same(kind, tmp_path):
    robot = variant(SAWYER, kind)
    assert not robot.usual_actions and robot.digest != SAWYER.digest and robot.guard_digest != SAWYER.guard_digest
    keys = ["gripper/opening"]
    assert robot.policy_contract(keys) != SAWYER.policy_contract(keys)
    path = tmp_path / "robot.yaml"
    path.write_text(yaml_text(robot).replace(robot.urdf, str(robot.urdf_path)))
    again = load_embodiment(path)
    assert again.model_dump(exclude={"urdf"}) == robot.model_dump(exclude={"urdf"})


def test_a_topic_changes_no_meaning_and_the_axes_do(tmp_path):
    def of(**changes):
        made = contract_with(
            tmp_path, {"arm": {**SIX, **changes}, "gripper": OPENING}, limits={"orientation": ORIENTATION}
        )
        return made.policy_contract(["gripper/opening"])

    assert of() == of(topic="elsewhere") != of(frame="base")


def test_an_orientation_limit_alone_is_no_schema_1_contract(tmp_path):
    """Its guard keeps more than the usual one does."""
    parts = {key: part.model_dump(mode="json", exclude_none=True) for key, part in SAWYER.actions.items()}
    assert contract_with(tmp_path, parts).usual_actions
    robot = contract_with(tmp_path, parts, limits={"orientation": ORIENTATION})
    assert not robot.usual_actions and robot.digest != SAWYER.digest


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({**SIX, "others": "down"}, "holds wx and wy"),
        ({**SIX, "frame": "world"}, "actions.arm.frame"),
        ({**SIX, "components": ["vx", "vy", "vz", "wx", "wy", "vx"]}, "vx twice"),
        ({**SIX, "components": ["vx", "vy", "vz"]}, "3 of components for 6 values"),
        ({**SIX, "units": ["m/s"] * 6}, "actions.arm.units"),
        (
            {**SIX, "components": ["vx", "vy", "vz", "wx", "wy", "wq"]},
            "it should be 'vx', 'vy', 'vz', 'wx', 'wy' or 'wz'",
        ),
        ({**VELOCITY, "joints": ["right_j6", "right_j9"]}, "'right_j9' is none of the arm's joints"),
        ({**VELOCITY, "units": ["rad", "rad/s"]}, "the units of right_j6, right_j0 are rad/s, rad/s"),
        ({**VELOCITY, "topic": None}, "actions.arm.topic"),
        ({**POSITION, "mode": "relative"}, "actions.arm.mode"),
        ({**POSITION, "mode": "delta"}, "reach_s is stated with `mode: absolute`"),
        ({**DELTA, "mode": "absolute"}, "reach_s is stated with `mode: absolute`"),
        ({**VELOCITY, "kind": "joint_torque"}, "joint_torque"),
        ({**VELOCITY, "lower": [0.4, -0.2]}, "lower must be below upper"),
        ({**VELOCITY, "jonts": ["right_j0"]}, "did you mean 'joints'"),
    ],
)
def test_a_part_that_fits_nothing_is_refused(tmp_path, arm, said):
    assert said in refusal(tmp_path, {"arm": arm, "gripper": OPENING}, limits={"orientation": ORIENTATION})


def test_one_arm_and_one_gripper_make_an_action(tmp_path):
    assert "got none" in refusal(tmp_path, {"gripper": OPENING})
    assert "one part of kind gripper" in refusal(tmp_path, {"arm": VELOCITY})
    assert "got left, right" in refusal(tmp_path, {"left": VELOCITY, "right": POSITION, "gripper": OPENING})


def test_a_tool_that_may_tilt_needs_orientation_limits(tmp_path):
    assert "limits.orientation" in refusal(tmp_path, {"arm": SIX, "gripper": OPENING})
    for changes, said in (
        ({"tool_z": [0.0, 0.0, -2.0]}, "tool_z has length 1"),
        ({"tool_x": [0.0, 0.0, 1.0]}, "right angle"),
        ({"cone_rad": 1.6}, "cone_rad"),
        ({"yaw_rad": [1.0, -1.0]}, "yaw_rad"),
        ({"yaw_rad": [-4.0, 1.0]}, "within -pi and pi"),
    ):
        limits = {"orientation": {**ORIENTATION, **changes}}
        assert said in refusal(tmp_path, {"arm": SIX, "gripper": OPENING}, limits=limits)


def test_a_key_of_schema_2_is_refused_in_schema_1(tmp_path):
    content = yaml.safe_load((FOLDER / "sawyer_rgb_stacking.yaml").read_text())
    for section, key, name in (("actions", "twist", "frame"), ("limits", None, "orientation")):
        changed = yaml.safe_load(yaml.safe_dump(content))
        (changed[section] if key is None else changed[section][key])[name] = "base"
        (tmp_path / "old.yaml").write_text(yaml.safe_dump(changed))
        with pytest.raises(SetupError, match="a key of schema 2"):
            load_embodiment(tmp_path / "old.yaml")


def test_a_gripper_by_its_joint_is_an_opening_on_the_wire(tmp_path):
    gripper = {**OPENING, "by": "joint_position", "units": ["rad"], "lower": [0.0], "upper": [0.8]}
    assert "joint_range_rad" in refusal(tmp_path, {"arm": VELOCITY, "gripper": gripper})
    robot = contract_with(tmp_path, {"arm": VELOCITY, "gripper": gripper}, gripper={"joint_range_rad": [0.8, 0.0]})
    stretch = robot.gripper.joint_range_rad, robot.gripper.stroke_m
    assert opening_m(0.8, *stretch) == pytest.approx(0.0) and opening_m(0.0, *stretch) == pytest.approx(0.085)
    assert opening_m(0.2, *stretch) == pytest.approx(0.75 * 0.085)
    assert joint_position_rad(opening_m(0.3, *stretch), *stretch) == pytest.approx(0.3)
