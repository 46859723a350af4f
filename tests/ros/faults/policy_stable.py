"""Light policy processes on demand: each is a fork of this one, which has paid for the imports, and can be killed.

A line on stdin makes one. It answers `ready PID` on stdout once the guard listens, proposes the same motion at 20 Hz
from SIGUSR1 on, and from SIGUSR2 on stamps its proposals ten seconds ahead (`future INSTANT`).
"""

import ctypes
import os
import signal
import sys
import time

import rclpy
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.qos import PROPOSAL

PR_SET_PDEATHSIG = 1
ROBOT = load_embodiment()


def say(*words) -> None:
    print(*words, flush=True)


def propose(node, twists, grippers, ahead_s: int) -> None:
    twist, gripper = TwistStamped(), JointState(name=[ROBOT.gripper.joint], position=[0.01])
    stamp = node.get_clock().now().to_msg()
    stamp.sec += ahead_s
    twist.header.frame_id = ROBOT.base_frame
    twist.header.stamp = gripper.header.stamp = stamp
    twist.twist.linear.x, twist.twist.angular.z = 0.05, 0.5
    twists.publish(twist)
    grippers.publish(gripper)


def be_a_policy() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    received = set()
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda number, frame: received.add(number))
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = rclpy.create_node("light_policy", namespace="/sawyer")
    twists = node.create_publisher(TwistStamped, ROBOT.wire.proposal_twist, PROPOSAL)
    grippers = node.create_publisher(JointState, ROBOT.wire.proposal_gripper, PROPOSAL)
    while not (twists.get_subscription_count() and grippers.get_subscription_count()):
        time.sleep(0.01)
    say("ready", os.getpid())
    while signal.SIGUSR1 not in received:
        time.sleep(0.002)
    due_s, announced = time.monotonic(), False
    while True:
        ahead = signal.SIGUSR2 in received
        if ahead and not announced:
            announced = True
            say("future", time.monotonic())
        propose(node, twists, grippers, 10 if ahead else 0)
        due_s += 0.05
        # A signal cuts the sleep of a C call, not this one: the period is kept.
        time.sleep(max(0.0, due_s - time.monotonic()))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        if os.fork() == 0:
            be_a_policy()


if __name__ == "__main__":
    main()
