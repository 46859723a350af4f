"""A mobile base on the wire: as messages, then from a policy through the guard to whoever drives it."""

import json

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from std_srvs.srv import Trigger

from gato_ros.bench.guard.variants import BASE, BASE_BOUNDS, variant
from gato_ros.core.action import Action
from gato_ros.core.guard.base.with_base import ProposalWithBase
from gato_ros.core.guard.proposal import Proposal
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.versions.yaml_text import yaml_text
from gato_ros.nodes.guard.proposal_pair import ProposalPair, ProposalRefused
from gato_ros.nodes.messages.proposal import base_message, policy_messages
from gato_ros.nodes.recorder.raw_topics import recorded
from gato_ros.nodes.recorder.step_action import StepAction, proposal_values
from gato_ros.nodes.runtime.qos import REPORT
from tests.core.other_arms import INSIDE
from tests.ros.conftest import DISCOVERY_LIMIT_S
from tests.ros.guard_scene import Scene
from tests.ros.test_incident_node import incidents, replay
from tests.ros.test_recorder_steps import Wire

SAWYER = load_embodiment()
ROBOT = variant(SAWYER, BASE)
STAMP, LATER = Time(sec=5), Time(sec=6)
SIX, DRIVE = np.array([0.01, -0.02, 0.03, 0.1, -0.2, 0.3]), np.array([0.2, -0.1, 0.4])
ACTION = Action({"arm": SIX, "gripper": 0.03, "base/velocity": DRIVE})
Q = np.array(INSIDE[7])


def test_a_proposal_is_whole_when_all_three_of_a_stamp_have_come():
    arm, gripper, base = policy_messages(ROBOT, ACTION, STAMP)
    assert isinstance(base, TwistStamped) and base.header.frame_id == "base_link" and base.header.stamp == STAMP
    for first, second, third in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        pair = ProposalPair("policy", ROBOT)
        parts = ((pair.on_twist, arm), (pair.on_gripper, gripper), (pair.on_base, base))
        assert [take(message) for take, message in (parts[first], parts[second])] == [False, False]
        assert pair.newest is None
        take, message = parts[third]
        assert take(message) and isinstance(pair.newest, ProposalWithBase) and pair.stamp == STAMP
        np.testing.assert_array_equal(pair.newest.base, DRIVE)
        np.testing.assert_array_equal(pair.newest.twist, SIX)


def test_a_base_of_another_stamp_makes_no_proposal():
    arm, gripper, base = policy_messages(ROBOT, ACTION, STAMP)
    base.header.stamp = LATER
    pair = ProposalPair("policy", ROBOT)
    assert not pair.on_twist(arm) and not pair.on_gripper(gripper) and not pair.on_base(base) and pair.newest is None


def test_a_person_proposes_without_a_base():
    arm, gripper, _ = policy_messages(ROBOT, ACTION, STAMP)
    pair = ProposalPair("human", ROBOT)
    assert not pair.on_twist(arm) and pair.on_gripper(gripper) and type(pair.newest) is Proposal


@pytest.mark.fault("V5")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda base: setattr(base.header, "frame_id", "odom"), "a twist in frame 'odom', expected 'base_link'"),
        (lambda base: setattr(base.twist.linear, "z", 0.1), "vz, which is no part of the action"),
        (lambda base: setattr(base.twist.angular, "x", np.nan), "wx, which is no part of the action"),
    ],
)
def test_a_base_s_message_of_another_shape_is_refused(change, said):
    base = base_message(ROBOT, DRIVE, STAMP)
    change(base)
    with pytest.raises(ProposalRefused, match=said):
        ProposalPair("policy", ROBOT).on_base(base)


def test_an_action_without_its_base_is_refused():
    with pytest.raises(ValueError, match="base/velocity"):
        policy_messages(ROBOT, Action({"arm": SIX, "gripper": 0.03}), STAMP)


def test_what_is_recorded_of_it_has_its_own_roles():
    kept = {role: topic for role, _, topic, _, _ in recorded(ROBOT)}
    assert kept["proposal_base"] == "proposal/base" and kept["base_command"] == "command/base"
    assert proposal_values(ROBOT)["base_command"] == ("twist.linear.x", "twist.linear.y", "twist.angular.z")
    assert not {"proposal_base", "base_command"} & {role for role, *_ in recorded(SAWYER)}


def test_labels_and_what_was_executed_hold_the_base():
    actions = StepAction(ROBOT, Kinematics(ROBOT))
    wanted = actions.wanted(ProposalWithBase(SIX, 0.03, 0.0, 0.0, "policy", base=DRIVE), None)
    np.testing.assert_array_equal(wanted.as_vector(), [*SIX, 0.03, *DRIVE])
    by_hand = actions.wanted(Proposal(SIX, 0.03, 0.0, 0.0, "human"), Q)
    assert by_hand.values["base/velocity"].tolist() == [0.0, 0.0, 0.0]
    speed = np.full(7, 0.1)
    done = actions.executed([speed], Q, 0.02, [DRIVE * 0.5, DRIVE * 1.5])
    np.testing.assert_allclose(done.values["base/velocity"], DRIVE)
    alone = actions.executed([], Q, 0.02, [DRIVE])
    assert alone.values["base/velocity"].tolist() == DRIVE.tolist() and not alone.values["arm"].any()
    assert not actions.executed([speed], Q, 0.02).values["base/velocity"].any()
    assert not actions.standing(Q, 0.02).values["base/velocity"].any()


def test_a_step_holds_what_was_proposed_and_commanded_of_the_base():
    wire = Wire(ROBOT)
    for i in range(4):
        at_s = 0.05 * i
        wire.state(at_s)
        wire.frame(i, at_s)
        wire.verdict("policy", at_s + 0.01)
        proposed = policy_messages(
            ROBOT, Action({**ACTION.values, "base/velocity": DRIVE * i}), wire.stamp(at_s + 0.02)
        )
        for role, message in zip(("proposal_arm", "proposal_gripper", "proposal_base"), proposed, strict=True):
            wire.send(role, message, at_s + 0.02)
        for share in (0.5, 1.5):
            wire.command(np.zeros(7), at_s + 0.03)
            wire.send("base_command", base_message(ROBOT, DRIVE * i * share, wire.stamp(at_s)), at_s + 0.03)
    steps = [*wire.steps, wire.maker.finish()]
    for name in ("label", "executed"):
        found = [getattr(step, name).values["base/velocity"] for step in steps]
        np.testing.assert_allclose(found, [DRIVE * i for i in range(4)], atol=1e-12)
    assert not wire.maker.refused
    broken = base_message(ROBOT, [np.nan, 0.0, 0.0], wire.stamp(0.2))
    wire.state(0.2)
    wire.frame(5, 0.2)
    wire.send("base_command", broken, 0.21)
    assert wire.maker.refused == {"base_command": 1}


def started(processes, probe, folder, monkeypatch):
    """A mock arm, a guard and a policy that drives the base; what is on the wire."""
    arm = SAWYER.arm.model_copy(update={"posture_rad": INSIDE[7]})
    robot, path = variant(SAWYER.model_copy(update={"arm": arm}), BASE), folder / "robot.yaml"
    path.write_text(yaml_text(robot))
    (folder / robot.urdf).write_bytes(robot.urdf_path.read_bytes())
    monkeypatch.setenv("GATO_ROS_TEST_ACTION", json.dumps([[0.0] * 6, [0.005, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    monkeypatch.setenv("GATO_ROS_TEST_BASE", json.dumps(DRIVE.tolist()))
    base = probe.listen(TwistStamped, robot.base_topics[1], REPORT)
    status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    which = ("-p", f"embodiment:={path}")
    processes.node("driver_node", *which, "-p", "enable_at_start:=true")
    recording = ("-p", f'folder:="{folder / "incidents"}"', "-p", "after_s:=0.3", "-p", "seconds:=4.0")
    processes.node("incident_node", *which, *recording)
    processes.node("guard_node", *which, "-p", "start_armed:=true")
    policy = processes.start(
        "tests/ros/other_policy_node.py", "--ros-args", "-r", "__ns:=/sawyer", *which, "-p", "propose_at_start:=true"
    )
    probe.wait(lambda: base and status, "commands of a base", 3 * DISCOVERY_LIMIT_S)
    return policy, base, status


def velocity(message: TwistStamped) -> np.ndarray:
    return np.array([message.twist.linear.x, message.twist.linear.y, message.twist.angular.z])


def test_a_policy_drives_the_base_through_the_guard(processes, probe, tmp_path, monkeypatch):
    policy, base, status = started(processes, probe, tmp_path, monkeypatch)

    def rearm() -> None:
        if status[-1][1].message == "latched":
            probe.call(Trigger, "guard_node/reset", Trigger.Request())

    there = lambda: np.allclose(velocity(base[-1][1]), DRIVE)  # noqa: E731
    probe.wait(there, "the base at the speed that is proposed", 3 * DISCOVERY_LIMIT_S, rearm, every_s=0.01)
    # Enough of the journal for its first whole state to be in the incident.
    verdicts = len(status)
    probe.wait(lambda: len(status) > verdicts + 120, "more steps", meanwhile=rearm)
    policy.kill()
    probe.wait(lambda: status[-1][1].message == "latched", "a latch after the last proposal")
    probe.wait(lambda: not velocity(base[-1][1]).any(), "a base that stands")
    probe.spin(0.3)
    assert {message.header.frame_id for _, message in base} == {"base_link"}
    in_order = sorted(base, key=lambda one: one.number)
    found = np.array([velocity(one[1]) for one in in_order])
    assert (np.abs(found) <= np.array(BASE_BOUNDS["speed"]) + 1e-9).all() and not found[-20:].any()
    follows = np.diff([one.number for one in in_order]) == 1
    # Of a stop 20 ms late ticks make the steps longer; no step that speeds up is longer than two ticks.
    grown = (np.abs(found[1:]) - np.abs(found[:-1]))[follows]
    assert grown.max() <= 0.02 * max(BASE_BOUNDS["acceleration"]) + 1e-9
    probe.wait(lambda: incidents(tmp_path / "incidents"), "the incident")
    code, layers = replay(incidents(tmp_path / "incidents")[-1], "--part", "guard")
    assert code == 0, layers
    assert layers["handover"]["compared"] > 10 and layers["verdict"]["compared"] > 50, layers
    assert layers["command"]["compared"] > 100, "arm and base"


def test_two_parts_of_three_move_nothing(processes, probe, tmp_path):
    """A policy node that knows nothing of the base, under a contract that has one."""
    path = tmp_path / "robot.yaml"
    content = yaml_text(replace_arm_part())
    path.write_text(content)
    (tmp_path / SAWYER.urdf).write_bytes(SAWYER.urdf_path.read_bytes())
    base = probe.listen(TwistStamped, "command/base", REPORT)
    scene = Scene(processes, probe, "-p", f"embodiment:={path}")
    for _ in range(20):
        scene.propose()
        probe.spin(0.02)
    assert base and not any(velocity(message).any() for _, message in base)
    assert not any(any(message.velocity) for _, message in scene.arm) and "missing_proposal" in scene.reasons()


def replace_arm_part():
    """The robot with the arm's usual four components, as `Scene` proposes them."""
    return ROBOT.model_copy(update={"actions": {**SAWYER.actions, "base/velocity": ROBOT.base_part}})
