"""Faults that the guard itself meets, injected into a moving arm over DDS."""

import os
import signal
import time

import pytest
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, PROPOSAL, STATE_OUT

ROBOT = load_embodiment()
STILL_S = 0.3
"""How long an arm that may not move is watched."""


@pytest.mark.fault("S8", "S9")
@pytest.mark.parametrize(
    ("row", "fault", "reason"),
    [
        ("S8", {"senseless": {"position": "nan"}}, "non_finite_state"),
        ("S8", {"senseless": {"velocity": "inf"}}, "non_finite_state"),
        ("S9", {"angle_rad": 0.5}, "joint_position_jump"),
    ],
    ids=["nan", "inf", "jump"],
)
def test_joint_states_that_make_no_sense_stop_the_arm(loop, fault_repeat, row, fault, reason):
    for _ in range(fault_repeat):
        loop.measure(row, lambda: loop.set_robot("joints", **fault), str(fault))
        loop.probe.wait(lambda: reason in loop.guard_reasons_received(), f"{reason!r}")
        if row == "S9":
            loop.is_latched()
        loop.well_again()
    loop.be_moving()


@pytest.mark.fault("C13", "C14")
@pytest.mark.parametrize("by", ["topic", "service"])
def test_the_emergency_stop_stops_and_its_release_moves_nothing(loop, fault_kills, by):
    topic = loop.probe.node.create_publisher(Bool, "e_stop", COMMAND)
    service = loop.probe.node.create_client(SetBool, "guard_node/emergency_stop")
    loop.probe.wait(lambda: topic.get_subscription_count() and service.service_is_ready(), "the guard's inputs")

    def press(down: bool) -> float:
        at_s = time.monotonic()
        if by == "topic":
            topic.publish(Bool(data=down))
        else:
            service.call_async(SetBool.Request(data=down))
        return at_s

    for _ in range(max(1, fault_kills // 2)):
        loop.measure("C13", lambda: press(True), f"pressed by {by}")
        loop.is_latched()
        assert not loop.probe.call(Trigger, "guard_node/reset", Trigger.Request()).success
        press(False)
        received = len(loop.arm)
        loop.probe.spin(STILL_S)
        assert len(loop.arm) > received and not any(any(message.velocity) for _, message in loop.arm[received:])
        assert loop.level() == "latched"
        loop.reset()
    loop.be_moving()


@pytest.fixture(scope="module")
def intruder(running_loop):
    """Publishers of proposals beside the policy's."""
    loop = running_loop
    twists = loop.probe.node.create_publisher(TwistStamped, ROBOT.wire.proposal_twist, PROPOSAL)
    grippers = loop.probe.node.create_publisher(JointState, ROBOT.wire.proposal_gripper, PROPOSAL)
    loop.probe.wait(lambda: twists.get_subscription_count() and grippers.get_subscription_count(), "the guard's inputs")
    loop.probe.spin(1.0)  # the guard finds the publishers later than they find it
    yield twists, grippers
    for publisher in (twists, grippers):
        loop.probe.node.destroy_publisher(publisher)


@pytest.mark.fault("C15")
@pytest.mark.parametrize(("speed", "opening_m"), [(float("nan"), 0.01), (float("-inf"), 0.01), (0.05, float("nan"))])
def test_a_proposal_that_is_not_finite_stops_the_arm_for_good(loop, intruder, fault_repeat, speed, opening_m):
    twists, grippers = intruder

    def propose_once() -> float:
        twist, gripper = TwistStamped(), JointState(name=[ROBOT.gripper.joint], position=[opening_m])
        twist.header.frame_id, twist.twist.linear.x = ROBOT.base_frame, speed
        twist.header.stamp = gripper.header.stamp = loop.probe.stamp()
        at_s = time.monotonic()
        twists.publish(twist)
        grippers.publish(gripper)
        return at_s

    def propose() -> float:
        # Where its two halves arrive around one of the policy's they make no proposal, and nothing has to be stopped.
        for _ in range(5):
            received, at_s = len(loop.guard_said), propose_once()
            loop.probe.spin(0.1)
            if any("non_finite_proposal" in values_of(message)["reasons"] for _, message in loop.guard_said[received:]):
                break
        return at_s

    for _ in range(fault_repeat):
        loop.measure("C15", propose, f"{speed} m/s, {opening_m} m")
        loop.is_latched()
        loop.reset()
    loop.be_moving()


@pytest.mark.fault("C10")
def test_a_second_publisher_of_commands_stops_the_arm_for_good(loop, fault_repeat):
    def intrude() -> float:
        rogues.append(loop.probe.node.create_publisher(JointState, ROBOT.wire.arm_command, STATE_OUT))
        return time.monotonic()

    for _ in range(fault_repeat):
        rogues = []
        loop.measure("C10", intrude, "a second publisher of joint velocities")
        loop.is_latched()
        loop.probe.node.destroy_publisher(rogues[0])
        loop.reset()
    loop.be_moving()


@pytest.mark.fault("P4", "P6")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_guard_that_ends_leaves_zeros_and_one_that_starts_moves_nothing(loop, fault_repeat, number):
    def end() -> float:
        at_s = time.monotonic()
        os.kill(loop.guard.pid, number)
        return at_s

    for _ in range(max(1, fault_repeat // 5)):
        if number == signal.SIGKILL:  # nobody is left to say anything: the robot's own timeout answers
            loop.be_moving()
            end()
            loop.guard.wait()
            loop.probe.spin(0.1)  # what was on its way
        else:
            loop.measure("P4", end, signal.Signals(number).name)
            loop.probe.wait(lambda: loop.guard.poll() is not None, "the exit")
            loop.probe.spin(0.1)
            assert loop.guard.returncode == 0
            assert not any(any(message.velocity) for _, message in loop.arm[-3:])
        received = len(loop.arm)
        loop.restart_guard()
        loop.probe.spin(STILL_S)
        assert len(loop.arm) > received
        assert not any(any(message.velocity) for _, message in loop.arm[received:])
        assert loop.level() == "latched"
        loop.reset()
    loop.be_moving()
