"""Actions of other kinds on the wire: as messages, then from a policy through the guard to an arm that moves."""

import json

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from gato_ros.bench.guard.variants import VARIANTS, variant
from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.actions.hold import hold_policy
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.preflight.nodes import proposals
from gato_ros.embodiments.versions.yaml_text import yaml_text
from gato_ros.nodes.guard.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.messages.proposal import policy_messages, proposal_messages
from gato_ros.nodes.recorder.raw_topics import recorded
from gato_ros.nodes.runtime.qos import REPORT
from tests.core.other_arms import INSIDE
from tests.ros.conftest import DISCOVERY_LIMIT_S

SAWYER = load_embodiment()
STAMP = Time(sec=5)
JOINTS = np.array([0.11, -0.12, 0.13, -0.14, 0.15, -0.16, 0.17])
SIX = np.array([0.01, -0.02, 0.03, 0.1, -0.2, 0.3])


def values_of(kind: str) -> np.ndarray:
    return SIX if kind.startswith("twist") else JOINTS


def proposed(robot, arm, gripper):
    pair = ProposalPair("policy", robot)
    assert not pair.on_twist(arm) and pair.on_gripper(gripper)
    return pair.newest


@pytest.mark.parametrize("kind", VARIANTS)
def test_what_the_guard_reads_is_what_the_policy_proposed(kind):
    robot = variant(SAWYER, kind)
    arm, gripper = policy_messages(robot, Action({"arm": values_of(kind), "gripper": 0.03}), STAMP)
    found = proposed(robot, arm, gripper)
    np.testing.assert_array_equal(found.twist, values_of(kind))
    assert found.gripper_opening_m == 0.03 and found.source == "policy"


def test_a_twist_names_the_frame_of_its_axes_and_joints_their_field():
    frames = {
        kind: policy_messages(variant(SAWYER, kind), Action({"arm": SIX, "gripper": 0.03}), STAMP)[0].header.frame_id
        for kind in ("twist_base", "twist_tool")
    }
    assert frames == {"twist_base": SAWYER.base_frame, "twist_tool": SAWYER.tool_frame}
    for kind, field in (("joint_velocity", "velocity"), ("joint_position", "position"), ("joint_delta", "position")):
        arm, _ = policy_messages(variant(SAWYER, kind), Action({"arm": JOINTS, "gripper": 0.03}), STAMP)
        assert isinstance(arm, JointState) and arm.name == SAWYER.arm.joints
        assert list(getattr(arm, field)) == JOINTS.tolist()
        assert not list(arm.velocity if field == "position" else arm.position)


def test_the_usual_action_is_on_the_wire_as_before():
    action = ArmAction(np.array([0.01, 0.02, 0.03, 0.4]), 0.05)
    assert policy_messages(SAWYER, action, STAMP) == proposal_messages(SAWYER, action, STAMP)


def test_an_action_of_another_robot_is_refused():
    for action in (ArmAction(np.zeros(4), 0.0), Action({"arm": np.zeros(6), "gripper": 0.0})):
        with pytest.raises(ValueError, match="an action of sawyer_rgb_stacking has"):
            policy_messages(variant(SAWYER, "joint_velocity"), action, STAMP)


@pytest.mark.fault("V5")
@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (
            "twist_tool",
            lambda arm: setattr(arm.header, "frame_id", "base"),
            "a twist in frame 'base', expected 'pinch'",
        ),
        ("twist_base", lambda arm: setattr(arm.header, "frame_id", ""), "a twist in frame ''"),
        ("joint_velocity", lambda arm: setattr(arm, "name", list(arm.name)[1:]), "6 names but 7 values of velocity"),
        (
            "joint_velocity",
            lambda arm: (setattr(arm, "position", arm.velocity), setattr(arm, "velocity", [])),
            "0 values",
        ),
        ("joint_position", lambda arm: (arm.name.append("head"), arm.position.append(0.0)), "unknown joints head"),
        ("joint_position", lambda arm: (arm.name.pop(), arm.position.pop()), "no position of right_j6"),
        ("joint_delta", lambda arm: arm.name.__setitem__(0, arm.name[1]), "doubled"),
    ],
)
def test_a_proposal_of_another_shape_is_refused(kind, change, said):
    robot = variant(SAWYER, kind)
    arm, _ = policy_messages(robot, Action({"arm": values_of(kind), "gripper": 0.03}), STAMP)
    change(arm)
    with pytest.raises(ProposalRefused, match=said):
        ProposalPair("policy", robot).on_twist(arm)


@pytest.mark.fault("V5")
def test_a_component_that_is_not_listed_is_refused_unless_it_is_zero():
    robot = variant(SAWYER, "twist_base")
    part = robot.arm_part.model_copy(update={"components": ["vx", "vy", "vz", "wz"]})
    fewer = robot.model_copy(update={"actions": {**robot.actions, "arm": part}})
    arm, _ = policy_messages(robot, Action({"arm": SIX, "gripper": 0.03}), STAMP)
    with pytest.raises(ProposalRefused, match="wx, which is no part of the action"):
        ProposalPair("policy", fewer).on_twist(arm)
    arm.twist.angular.x = arm.twist.angular.y = 0.0
    assert not ProposalPair("policy", fewer).on_twist(arm)


def test_a_person_s_twist_has_six_components_beside_other_actions():
    robot = variant(SAWYER, "joint_position")
    arm, gripper = proposal_messages(robot, ArmAction(np.array([0.01, 0.02, 0.03, 0.4]), 0.05), STAMP)
    pair = ProposalPair("human", robot)
    assert not pair.on_twist(arm) and pair.on_gripper(gripper)
    np.testing.assert_array_equal(pair.newest.twist, [0.01, 0.02, 0.03, 0, 0, 0.4])
    usual = ProposalPair("human", SAWYER)
    assert not usual.on_twist(arm) and usual.on_gripper(gripper) and usual.newest.twist.size == 4


def test_a_gripper_by_its_joint_is_proposed_as_an_opening():
    robot = variant(SAWYER, "joint_velocity")
    part = robot.gripper_part.model_copy(update={"by": "joint_position", "units": ["rad"]})
    gripper = robot.gripper.model_copy(update={"joint_range_rad": (0.8, 0.0)})
    robot = robot.model_copy(update={"actions": {**robot.actions, "gripper": part}, "gripper": gripper})
    _, message = policy_messages(robot, Action({"arm": JOINTS, "gripper": 0.4}), STAMP)
    assert message.position[0] == pytest.approx(robot.gripper.stroke_m / 2)


@pytest.mark.parametrize("kind", VARIANTS)
def test_the_topics_of_a_kind_are_known_to_who_looks_at_them(kind):
    robot = variant(SAWYER, kind)
    topic = "proposal/twist" if kind.startswith("twist") else f"proposal/{robot.arm_part.kind}"
    assert proposals(robot)[topic] == robot.arm_part.message
    kept = {role: (name, kind.__name__) for role, _, name, kind, _ in recorded(robot)}
    assert kept["proposal_arm"] == (topic, robot.arm_part.message.split("/")[-1])


def test_a_policy_that_holds_stands_where_it_is():
    seen = {"gripper/opening": np.array([0.05], np.float32), "sawyer/joints/angle": JOINTS.astype(np.float32)}
    for kind in VARIANTS:
        policy = hold_policy(variant(SAWYER, kind))
        policy.reset()
        action = policy.act(Observation({key: seen[key] for key in policy.observation_keys}, 0.0)).action
        still = JOINTS if kind == "joint_position" else np.zeros(len(values_of(kind)))
        np.testing.assert_allclose(action.values["arm"], still, atol=1e-6)
        assert action.values["gripper"][0] == pytest.approx(0.05)


def started(kind, centre, swing, processes, probe, folder, monkeypatch):
    """A mock arm, a guard and a policy under that contract; the robot, and what is on the wire."""
    # The mock begins at the posture: one that is in the workspace.
    arm = SAWYER.arm.model_copy(update={"posture_rad": INSIDE[7]})
    robot, path = variant(SAWYER.model_copy(update={"arm": arm}), kind), folder / "robot.yaml"
    path.write_text(yaml_text(robot))
    (folder / robot.urdf).write_bytes(robot.urdf_path.read_bytes())
    monkeypatch.setenv("GATO_ROS_TEST_ACTION", json.dumps([list(centre), list(swing)]))
    joints = probe.listen(JointState, robot.wire.joint_states.topic, REPORT)
    commands = probe.listen(JointState, robot.wire.arm_command, REPORT)
    status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    which = ("-p", f"embodiment:={path}")
    processes.node("driver_node", *which, "-p", "enable_at_start:=true")
    processes.node("guard_node", *which, "-p", "start_armed:=true")
    policy = processes.start(
        "tests/ros/other_policy_node.py", "--ros-args", "-r", "__ns:=/sawyer", *which, "-p", "propose_at_start:=true"
    )
    probe.wait(lambda: commands and joints and status, "an arm, a guard and commands", limit_s=3 * DISCOVERY_LIMIT_S)

    def rearm() -> None:
        """A machine that is busy breaks a motion off for so long now and then that the guard latches."""
        if status[-1][1].message == "latched":
            probe.call(Trigger, "guard_node/reset", Trigger.Request())

    return robot, policy, joints, commands, status, rearm


def test_six_components_of_a_twist_move_an_arm(processes, probe, tmp_path, monkeypatch):
    values = np.array([0.02, -0.015, 0.01, 0.08, -0.1, 0.15])
    robot, _, joints, commands, _, rearm = started(
        "twist_base", np.zeros(6), values, processes, probe, tmp_path, monkeypatch
    )
    kinematics = Kinematics(robot)

    def as_proposed() -> bool:
        names = list(joints[-1][1].name)
        q = np.array([joints[-1][1].position[names.index(name)] for name in robot.arm.joints])
        twist = kinematics.tool(q).jacobian @ np.array(commands[-1][1].velocity)
        return min(np.abs(twist - values).max(), np.abs(twist + values).max()) < 0.01

    probe.wait(as_proposed, "a command that moves the tool as proposed", 2 * DISCOVERY_LIMIT_S, rearm, every_s=0.005)


@pytest.mark.fault("V4")
def test_joint_positions_are_reached_by_an_arm(processes, probe, tmp_path, monkeypatch):
    target = INSIDE[7] + np.array([0.02, -0.01, 0.02, 0.01, -0.02, 0.01, 0.1])
    robot, policy, joints, commands, status, rearm = started(
        "joint_position", target, np.zeros(7), processes, probe, tmp_path, monkeypatch
    )

    def error() -> float:
        names = list(joints[-1][1].name)
        return max(abs(joints[-1][1].position[names.index(name)] - at) for name, at in zip(robot.arm.joints, target))

    probe.wait(lambda: error() < 2e-3, "joints at their target", 2 * DISCOVERY_LIMIT_S, rearm)
    probe.wait(lambda: status[-1][1].message in ("ok", "limited"), "the target to be held", meanwhile=rearm)
    policy.kill()
    probe.wait(lambda: status[-1][1].message in ("stopping", "latched"), "a stop after the last proposal")
    probe.wait(lambda: not any(commands[-1][1].velocity), "a standstill")
