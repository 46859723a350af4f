"""teleop_node with a tracked hand that the arm follows."""

import time

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped

from tests.ros.gamepad import PERIOD_S, TeleopListener
from tests.ros.hand import QUICK, Hand, last


def pose(x=0.0, y=0.0, z=0.0, w=1.0) -> PoseStamped:
    message = PoseStamped()
    message.pose.position.x, message.pose.position.y, message.pose.position.z = x, y, z
    message.pose.orientation.w = w
    return message


@pytest.fixture(scope="module")
def tracked(module_processes, module_probe):
    """teleop_node before a robot that stands, with a tracked hand that was seen released."""
    inputs = TeleopListener(module_probe)
    module_processes.start("tests/ros/still_robot.py")
    module_processes.node("teleop_node", "-p", "device:=pose", "-p", "hand_yaw_deg:=90.0", *QUICK)
    module_probe.wait(lambda: inputs.said, "teleop_node")
    inputs.know_gripper()
    hand = Hand(module_probe, PoseStamped, "teleop/pose")
    hand.message = pose(5.0, 5.0, 5.0)
    hand.be(inputs, "hands off")
    return inputs, hand


@pytest.fixture
def released(tracked):
    """As at the beginning of every test."""
    inputs, hand = tracked
    hand.silent, hand.message = False, pose(5.0, 5.0, 5.0)
    hand.hold(False)
    hand.be(inputs, "hands off")
    return inputs, hand


def test_the_tool_moves_as_the_hand_does_in_the_hand_s_frame(released):
    inputs, hand = released
    hand.hold(True)
    hand.be(inputs, "moving")
    hand.wait(lambda: inputs.twists and not last(inputs).any(), "a standstill: the hand has not moved")
    hand.message = pose(5.03, 5.0, 5.0)
    hand.wait(lambda: last(inputs)[1] > 0.05, "motion to the left: the hand's x axis is the base's y")
    assert abs(last(inputs)[0]) < 1e-6 and abs(last(inputs)[2]) < 1e-6
    hand.hold(False)
    hand.be(inputs, "hands off")
    assert not last(inputs).any()


def test_a_released_hand_goes_back_alone(released):
    """The clutch: what the hand does while the switch is free moves nothing, and counts for nothing after."""
    inputs, hand = released
    since = len(inputs.twists)
    hand.message = pose(5.4, 4.8, 5.0)
    for _ in range(10):
        hand.send()
        hand.probe.spin(PERIOD_S)
    hand.hold(True)
    hand.be(inputs, "moving")
    for _ in range(15):
        hand.send()
        hand.probe.spin(PERIOD_S)
    assert len(inputs.twists) > since + 3
    assert max(np.abs([t.twist.linear.x for _, t in inputs.twists[since:]])) < 1e-6


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        (pose(x=float("nan")), "not finite"),
        (pose(w=0.5), "quaternion"),
        (pose(9.0, 5.0, 5.0), "the hand jumped"),
        (None, "is silent"),
    ],
)
def test_a_hand_that_is_lost_has_let_go(released, spoiled, words):
    inputs, hand = released
    hand.hold(True)
    hand.be(inputs, "moving")
    if spoiled is None:
        hand.silent = True
    else:
        hand.message = spoiled
    hand.wait(lambda: words in inputs.message(), words)
    inputs.probe.spin(0.1)
    assert not last(inputs).any() and inputs.values()["claims"] == "False"
    if words == "the hand jumped":  # what is lost does not come back by itself
        hand.message = pose(5.0, 5.0, 5.0)
        begin_s = time.monotonic()
        hand.wait(lambda: time.monotonic() - begin_s > 0.3, "time")
        assert inputs.values()["claims"] == "False"


def test_a_hand_has_no_tool_frame(processes):
    node = processes.node("teleop_node", "-p", "device:=pose", "-p", "frame:=tool")
    assert node.wait(timeout=60) == 2 and "hand_yaw_deg" in node.log_path.read_text()
