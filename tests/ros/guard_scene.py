"""guard_node in a process, with a robot that stands still: what its tests share."""

import time
from functools import cached_property

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import PROPOSAL, REPORT

WIRE = load_embodiment().wire


class Scene:
    """guard_node, a robot (one that stands still, if none is given), and everything the guard says."""

    def __init__(self, processes, probe, *arguments, robot=None, arm=None):
        self.processes, self.probe = processes, probe
        # Deeper than the robot's own subscriptions: not one command may escape.
        self.arm = probe.listen(JointState, WIRE.arm_command, REPORT) if arm is None else arm
        self.gripper = probe.listen(JointState, WIRE.gripper_command, REPORT)
        self.status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self.robot = robot or processes.start("tests/ros/still_robot.py")
        self.guard = processes.node("guard_node", *arguments)
        self.reset()
        probe.wait(lambda: self.arm and self.status, "commands and status")

    # Made when they are used: a guard does not begin beside two that propose.
    @cached_property
    def twists(self):
        return self.probe.node.create_publisher(TwistStamped, WIRE.proposal_twist, PROPOSAL)

    @cached_property
    def grippers(self):
        return self.probe.node.create_publisher(JointState, WIRE.proposal_gripper, PROPOSAL)

    def reset(self) -> None:
        end_s = time.monotonic() + 60.0
        while not self.probe.call(Trigger, "guard_node/reset", Trigger.Request()).success:
            assert time.monotonic() < end_s, "the guard refuses to be reset"
            self.probe.spin(0.05)

    def start_policy(self):
        policy = self.processes.start("tests/ros/moving_policy.py")
        self.probe.wait(lambda: self.largest() > 0.05 and self.level() in ("ok", "limited"), "motion")
        self.probe.spin(0.3)
        return policy

    def largest(self) -> float:
        return max(map(abs, self.arm[-1][1].velocity))

    def level(self) -> str:
        return self.status[-1][1].message

    def reasons(self) -> str:
        return values_of(self.status[-1][1])["reasons"]

    def source(self) -> str:
        return values_of(self.status[-1][1])["source"]

    def propose(self, speed=0.05, opening_m=0.01, ahead_s=0.0) -> None:
        stamp = self.probe.stamp()
        stamp.sec += int(ahead_s)
        twist, gripper = TwistStamped(), JointState(name=["gripper"], position=[opening_m])
        twist.header.frame_id, twist.twist.linear.x = "base", speed
        twist.header.stamp = gripper.header.stamp = stamp
        self.twists.publish(twist)
        self.grippers.publish(gripper)
