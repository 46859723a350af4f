"""guard_node among others: a human, a rogue, a robot that goes, a stop of the guard itself, parts switched off."""

import gc
import signal
import time

import pytest
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, STATE_OUT
from tests.ros.guard_scene import WIRE, Scene

ROBOT_GONE_S = 0.5
"""The bound of G1 [s]."""


@pytest.fixture
def scene(processes, probe):
    return Scene(processes, probe)


def last_speeds(scene, since: int) -> list[float]:
    return [max(map(abs, message.velocity)) for _, message in scene.arm[since:]]


@pytest.mark.fault("C11")
def test_a_human_takes_over_at_once_and_the_hand_back_goes_through_rest(scene):
    twists = scene.probe.node.create_publisher(TwistStamped, WIRE.human_twist, COMMAND)
    grippers = scene.probe.node.create_publisher(JointState, WIRE.human_gripper, COMMAND)

    def say():
        twist, gripper = TwistStamped(), JointState(name=["gripper"], position=[0.02])
        twist.header.frame_id, twist.twist.linear.y = "base", 0.05
        twist.header.stamp = gripper.header.stamp = scene.probe.stamp()
        twists.publish(twist)
        grippers.publish(gripper)

    scene.start_policy()
    scene.probe.wait(lambda: scene.source() == "policy", "the policy in command")
    scene.probe.wait(
        lambda: scene.source() == "human" and scene.level() in ("ok", "limited"),
        "the human in command",
        meanwhile=say,
        every_s=0.02,
    )
    scene.probe.wait(
        lambda: scene.gripper[-1][1].position[0] == pytest.approx(0.02),
        "the human's gripper",
        meanwhile=say,
        every_s=0.02,
    )
    since = len(scene.arm)
    scene.probe.wait(lambda: scene.source() == "policy" and scene.level() in ("ok", "limited"), "the hand-back")
    assert 0.0 in last_speeds(scene, since)
    scene.probe.wait(lambda: scene.largest() > 0.05, "the policy's motion")


@pytest.mark.fault("C10")
def test_a_second_publisher_of_commands_latches_and_no_reset_helps_while_it_is_there(scene):
    scene.start_policy()
    rogue = scene.probe.node.create_publisher(JointState, WIRE.arm_command, STATE_OUT)
    scene.probe.wait(lambda: scene.level() == "latched", "the latch")
    assert scene.reasons().startswith("second_publisher")
    scene.probe.wait(lambda: scene.largest() == 0.0, "zero velocity")
    refused = scene.probe.call(Trigger, "guard_node/reset", Trigger.Request())
    assert not refused.success and "second_publisher" in refused.message
    scene.probe.node.destroy_publisher(rogue)
    scene.reset()


@pytest.mark.fault("C13", "C14")
def test_the_emergency_stop_service_is_not_released_by_the_topic(scene):
    scene.start_policy()
    answer = scene.probe.call(SetBool, "guard_node/emergency_stop", SetBool.Request(data=True))
    assert answer.success and answer.message == "pressed"
    scene.probe.wait(lambda: scene.source() == "emergency_stop" and scene.largest() == 0.0, "the stop")
    topic = scene.probe.node.create_publisher(Bool, "e_stop", COMMAND)
    scene.probe.wait(lambda: topic.get_subscription_count() > 0, "the topic")
    for _ in range(5):
        topic.publish(Bool(data=False))
        scene.probe.spin(0.05)
    refused = scene.probe.call(Trigger, "guard_node/reset", Trigger.Request())
    assert not refused.success and "emergency_stop" in refused.message
    scene.probe.call(SetBool, "guard_node/emergency_stop", SetBool.Request(data=False))
    since = len(scene.arm)
    scene.probe.spin(0.5)
    assert max(last_speeds(scene, since)) == 0.0 and scene.level() == "latched"
    scene.reset()
    scene.probe.wait(lambda: scene.largest() > 0.05, "motion after the reset")


@pytest.mark.fault("T6")
def test_a_guard_that_was_suspended_starts_from_zero(scene):
    scene.start_policy()
    scene.guard.send_signal(signal.SIGSTOP)
    scene.probe.spin(0.5)
    since = len(scene.arm)
    scene.guard.send_signal(signal.SIGCONT)
    scene.probe.wait(lambda: len(scene.arm) > since + 2, "commands")
    # One command may have been on its way to the wire; then the arm starts from zero.
    speeds = last_speeds(scene, since)
    assert 0.0 in speeds[:2] and speeds[speeds.index(0.0) + 1] < 0.02
    scene.probe.wait(
        lambda: any("guard_gap" in values_of(message)["reasons"] for _, message in scene.status), "the reason"
    )
    scene.probe.wait(lambda: scene.largest() > 0.05, "motion by fresh proposals")


@pytest.mark.fault("G1")
def test_a_robot_that_was_killed_is_gone(scene, stalls):
    scene.start_policy()
    kept_waiting = stalls(guard=scene.guard.pid)
    scene.robot.kill()
    killed_s = time.monotonic()
    scene.probe.wait(lambda: scene.level() == "latched", "the latch")
    most_s = kept_waiting.limit_s(ROBOT_GONE_S)
    assert scene.reasons().startswith("robot_gone")
    latched = [one.sent_s for one in scene.status if one[1].message == "latched" and one.sent_s > killed_s]
    assert latched[0] - killed_s < most_s, kept_waiting


def test_parts_that_are_off_are_said_aloud(processes, probe):
    scene = Scene(processes, probe, "-p", "switched_off:=workspace, jerk")
    message = scene.status[-1][1]
    assert values_of(message)["off"] == "workspace,jerk" and message.level != b"\0"
    log = scene.guard.log_path.read_text()
    assert "SWITCHED OFF IN PART: workspace" in log and "SWITCHED OFF IN PART: jerk" in log


def test_a_part_that_does_not_exist_is_refused(processes):
    node = processes.node("guard_node", "-p", "switched_off:=workspaze")
    assert node.wait(timeout=60) == 2
    assert "did you mean 'workspace'" in node.log_path.read_text()


@pytest.fixture
def gone(probe):
    """Whatever node the test makes in its own process: rclpy leaves one with a life cycle on the graph until its
    reference cycles are collected, and the next test's guard would find its own name taken."""
    yield
    gc.collect()
    probe.wait(lambda: probe.node.get_node_names() == ["probe"], "the test's own node to be gone")


@pytest.mark.fault("P5")
def test_a_callback_that_fails_latches_and_ends_in_exit_code_1(probe, gone):
    from gato_ros.nodes.guard_node import GuardNode
    from gato_ros.nodes.runtime.managed_node import ManagedNode
    from gato_ros.nodes.runtime.parameters import GuardParameters

    node = ManagedNode("guard_node", namespace="/sawyer", context=probe.context)
    guard = GuardNode(node, GuardParameters())
    guard.activate()
    received = probe.listen(JointState, WIRE.arm_command, COMMAND)
    guard._latching(lambda message: 1 / 0)(None)
    assert guard._guard.latched.startswith("callback_failed: ZeroDivisionError")
    guard._guard.step = lambda *arguments: 1 / 0
    guard._tick()
    command, verdict = guard._latest
    assert not command.joint_velocity.any() and verdict.level.value == "latched"
    probe.wait(lambda: guard._commands.arm.get_subscription_count(), "the listener")
    assert guard.close() == 1
    probe.wait(lambda: received, "zeros")
    assert all(not any(message.velocity) for _, message in received)
    node.destroy_node()


def test_what_a_configured_node_is_made_of_is_not_searched_for_garbage_in_mid_motion(probe, gone):
    from gato_ros.nodes.guard_node import GuardNode
    from gato_ros.nodes.runtime.managed_node import ManagedNode
    from gato_ros.nodes.runtime.parameters import GuardParameters

    node = ManagedNode("guard_node", namespace="/sawyer", context=probe.context)
    node.prepare(GuardNode, GuardParameters(autostart=False), "guard")
    node.trigger_configure()
    frozen = gc.get_freeze_count()
    node.trigger_cleanup()
    node.destroy_node()
    assert frozen > 10_000 and gc.get_freeze_count() == 0
