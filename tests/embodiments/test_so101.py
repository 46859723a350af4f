"""The SO-101's contract: its URDF against the published numbers, five joints under the guard, and its one jaw."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.gripper import joint_position_rad
from gato_ros.embodiments.contract_check import survey
from gato_ros.embodiments.guard import guard_limits
from gato_ros.embodiments.kinematics import Kinematics, differential_ik, joints_for_tool
from gato_ros.embodiments.link_poses import LinkPoses
from tests.core.other_arms import OtherArm

SO101 = load_embodiment("so101_rgb_stacking")
ROLL_RAD = 0.0486795
# so101_new_calib.urdf at fda892c: origin xyz [m] and rpy [rad] of each joint, which turns about its own z; ends [rad].
PUBLISHED = {
    "shoulder_pan": ((0.0388353, 0.0, 0.0624), (np.pi, 0.0, -np.pi), (-1.91986, 1.91986)),
    "shoulder_lift": ((-0.0303992, -0.0182778, -0.0542), (-np.pi / 2, -np.pi / 2, 0.0), (-1.74533, 1.74533)),
    "elbow_flex": ((-0.11257, -0.028, 0.0), (0.0, 0.0, np.pi / 2), (-1.69, 1.69)),
    "wrist_flex": ((-0.1349, 0.0052, 0.0), (0.0, 0.0, -np.pi / 2), (-1.65806, 1.65806)),
    "wrist_roll": ((0.0, -0.0611, 0.0181), (np.pi / 2, ROLL_RAD, np.pi), (-2.74385, 2.84121)),
    "gripper": ((0.0202, 0.0188, -0.0234), (np.pi / 2, 0.0, 0.0), (-0.174533, 1.74533)),
}
GRIPPER_FRAME_M = (-0.0079, -0.000218121, -0.0981274)
"""Of the published frame between the jaws' tips, in that of the gripper."""
TIP_M = np.array([-0.0079 - 0.0202 + 2 * 0.0079, 0.0, -0.100 + 0.0234])
"""Of the turning jaw's inner face near its tip at zero, from its axis, along the published gripper's axes."""
OURS_FROM_PUBLISHED = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
"""Axes of our gripper_link in terms of the published one's: x along the gripper."""


def published(angles):
    """Position [3] and rotation [3 3] of the published gripper's frame at five joint angles."""
    position, rotation = np.zeros(3), np.eye(3)
    for (xyz, rpy, _), angle in zip(PUBLISHED.values(), angles):
        position = position + rotation @ xyz
        rotation = rotation @ Rotation.from_euler("xyz", rpy).as_matrix()
        rotation = rotation @ Rotation.from_rotvec([0, 0, angle]).as_matrix()
    return position, rotation


def test_its_urdf_is_the_published_arm():
    kinematics, (lower, upper, _) = Kinematics(SO101), SO101.joint_limits
    for q in np.random.default_rng(0).uniform(lower, upper, (20, 5)):
        position, rotation = kinematics.wrist(q)
        wanted, theirs = published(q)
        np.testing.assert_allclose(position, wanted, atol=1e-7)
        np.testing.assert_allclose(rotation, theirs @ OURS_FROM_PUBLISHED.T, atol=1e-7)
        # Ours stands on the axis of the roll, as far along it as theirs, which lies on the fixed jaw.
        away = theirs.T @ (kinematics.tool(q).position - wanted) - GRIPPER_FRAME_M
        np.testing.assert_allclose(away, [0.0079, 0.000218, 0.0], atol=1e-6)


def test_its_joints_end_where_the_published_ones_do():
    lower, upper, _ = SO101.joint_limits
    assert SO101.arm.joints == list(PUBLISHED)[:5]
    np.testing.assert_array_equal(np.stack([lower, upper], 1), [PUBLISHED[name][2] for name in SO101.arm.joints])
    joint = ElementTree.parse(SO101.urdf_path).getroot().find("joint[@name='gripper']/limit")
    assert (float(joint.get("lower")), float(joint.get("upper"))) == PUBLISHED["gripper"][2]


def test_its_contract_has_no_problems():
    found = survey(SO101)
    assert not list(found.problems(SO101)) and all(found.reached[yaw] == found.places for yaw in (0, 30, 60, 90))
    assert SO101.arm_part.mode == "absolute" and SO101.arm_part.names == tuple(SO101.arm.joints)


def test_an_opening_is_the_gap_between_its_tips_to_3_mm():
    closed, opened = SO101.gripper.joint_range_rad
    for angle in np.linspace(closed, opened, 20):
        turned = Rotation.from_rotvec([0, -angle, 0]).apply(TIP_M)
        gap = 0.0202 + turned[0] + 0.0079
        share = (angle - closed) / (opened - closed)
        assert abs(share * SO101.gripper.stroke_m - gap) < 0.003


def test_its_jaw_is_drawn_where_the_opening_says():
    poses, closed = LinkPoses(SO101), {}
    for opening in (0.0, 0.02, 0.05):
        jaw = next(pose for pose in poses.at(np.zeros(5), opening) if pose.child == "moving_jaw")
        turn = Rotation.from_quat(jaw.quat_xyzw).as_rotvec()
        angle = joint_position_rad(opening, SO101.gripper.joint_range_rad, SO101.gripper.stroke_m)
        np.testing.assert_allclose(turn, [0.0, -angle, 0.0], atol=1e-9)
        closed[opening] = jaw.position
    np.testing.assert_allclose(list(closed.values()), [[0.0234, 0.0188, 0.0202]] * 3)


def test_five_joints_move_a_tool_that_points_down():
    kinematics, ik, rng = Kinematics(SO101), differential_ik(SO101), np.random.default_rng(1)
    limits = SO101.motion_limits
    for _ in range(20):
        place = rng.uniform(limits.workspace_lower, limits.workspace_upper)
        q = joints_for_tool(SO101, kinematics, place, rng.uniform(0.0, np.pi))
        tool, twist = kinematics.tool(q), rng.uniform(-1, 1, 4) * [0.03, 0.03, 0.03, 0.5]
        done = tool.jacobian @ ik.unlimited(q, tool.jacobian, tool.rotation, twist)
        # vx vy vz wz and no tilt: six numbers, of which an arm with five joints can have these.
        np.testing.assert_allclose(done[[0, 1, 2, 5]], twist, atol=3e-3)
        assert np.abs(done[3:5]).max() < 5e-3


@pytest.mark.parametrize(
    "away",
    [
        (0.0, 0.5, 0.0, 0.0, 0.0),  # into the table
        (1.9, 0.0, 0.0, 0.0, 0.0),  # out of the workspace, sideways
        (0.0, -1.2, 0.9, 0.3, 0.0),  # towards its own base
        (0.0, 0.0, 0.0, -0.9, 0.0),  # tilted
        (0.0, 0.0, 0.0, 0.0, 5.0),  # beyond an end
    ],
)
def test_targets_that_lead_out_end_inside(away):
    arm, posture = OtherArm("", joints=5, robot=SO101), np.array(SO101.arm.posture_rad)
    clearance, (lower, upper, most) = guard_limits(SO101).clearance, SO101.joint_limits
    fastest, speeds = 0.0, np.zeros(5)
    for _ in range(40):
        arm.follow(10, posture + away)
        assert arm.is_inside() and clearance.gaps(arm.state().capsule_ends).min() > clearance.distance_m - 1e-3
        fastest = max(fastest, np.linalg.norm(arm.twist()[:3]))
        speeds = np.maximum(speeds, np.abs(arm.command.joint_velocity))
    assert np.all(arm.q >= lower) and np.all(arm.q <= upper) and arm.guard.latched is None
    assert np.abs(arm.q - posture).max() > 0.03, "it moves as far as it may"
    assert fastest < 1.02 * SO101.limits.linear_speed_m_s and np.all(speeds <= most + 1e-9)


OPEN_TIP_M = np.array([0.0, 0.046, 0.0055])
"""Of the jaw that turns, open, in the tool's frame."""


@pytest.mark.parametrize("flex_rad", [-0.45, 0.4])
def test_a_tilt_keeps_an_open_jaw_off_the_table(flex_rad):
    arm = OtherArm("", joints=5, robot=SO101)
    low = joints_for_tool(SO101, arm.kinematics, np.array([0.2, 0.0, 0.008]), np.pi / 2)
    table, tips = SO101.guard.clearance.table_height_m, []
    for target in (low, low + [0.0, 0.0, 0.0, flex_rad, 0.0]):
        for _ in range(40):
            arm.follow(5, target)
            tool = arm.tool()
            tips.append((tool.position + tool.rotation @ OPEN_TIP_M)[2])
    assert np.abs(arm.tool().position - [0.2, 0.0, 0.008]).max() > 0.01 and arm.guard.latched is None
    assert min(tips) > table - 1e-3


def test_a_person_moves_its_tool_up_and_stops_at_the_ceiling():
    arm = OtherArm("", joints=5, robot=SO101)
    arm.follow(300, [0.0, 0.0, 0.05, 0.0, 0.0, 0.0], source="human")
    assert arm.is_inside() and arm.tool().position[2] > 0.055
    assert np.arccos(-arm.tool().rotation[2, 2]) < 0.03


def changed(tmp_path, **extra):
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump({"extends": "so101_rgb_stacking", "name": "arm", "schema": 2, **extra}))
    return load_embodiment(path)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"simulation": {"jaw": {"joint": "griper"}}}, "did you mean 'gripper'"),
        ({"simulation": {"jaw": {"fixed": "fixed_jaws"}}}, "did you mean 'fixed_jaw'"),
        ({"gripper": {"joint_range_rad": [-0.3, 0.4]}}, "within the ends of gripper"),
        ({"simulation": {"finger_joints": ["gripper", "gripper"]}}, "one of the two"),
        ({"simulation": {"cell": {"scale": 0.0}}}, "greater than 0"),
        ({"simulation": {"cell": {"start_lower_m": [0.3, 0.0, 0.1]}}}, "start"),
        ({"actions": {"joints": {"units": ["deg"] * 5}}}, "units"),
    ],
)
def test_what_does_not_fit_its_jaw_or_cell_is_refused(tmp_path, extra, said):
    with pytest.raises(SetupError, match=said):
        changed(tmp_path, **extra)
