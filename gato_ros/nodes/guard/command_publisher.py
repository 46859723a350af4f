"""What the guard decided, as messages to the robot."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState, TimeReference

from gato_ros.core.guard.proposal import RobotState
from gato_ros.core.guard.verdict import Command, Verdict
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.guard.arm_command import ArmCommands
from gato_ros.nodes.messages.proposal import base_message
from gato_ros.nodes.runtime.qos import COMMAND, REPORT


class CommandPublisher:
    """Arm commands in the contract's form, gripper openings, and velocities of the base where the contract has one; on
    ~/timing, where wanted, what they follow."""

    def __init__(self, node: Node, robot: Embodiment, arm: str, gripper: str, base: str, timing: bool = True):
        """Publishes on the topics `arm` and `gripper`, and on `base` where the contract's action moves a base."""
        self._node, self._robot = node, robot
        self._arm_commands = ArmCommands(robot)
        self.arm = node.create_publisher(self._arm_commands.message, arm, COMMAND)
        self.gripper = node.create_publisher(JointState, gripper, COMMAND)
        self.base = None if robot.base_part is None else node.create_publisher(TwistStamped, base, COMMAND)
        self._timing = node.create_publisher(TimeReference, "~/timing", REPORT) if timing else None
        self.last_opening_m: float | None = None
        """The last opening that went out [m]."""
        self._followed: Time | None = None
        self._following = False

    @property
    def all(self) -> tuple[Publisher, ...]:
        """Of commands to the robot."""
        return (self.arm, self.gripper, *([] if self.base is None else [self.base]))

    def publish(self, command: Command, verdict: Verdict, proposed: Time | None, state: RobotState | None) -> None:
        """Send a command for an arm in `state`; `proposed` is the stamp of the proposal that it follows, if any."""
        stamp = self._node.get_clock().now().to_msg()
        arm = self._arm_commands.of(command.joint_velocity, state, stamp)
        if arm is not None:
            self.arm.publish(arm)
        if self.base is not None:
            # A guard that failed says nothing of the base: then it stands, as the arm does.
            still = [0.0] * len(self._robot.base_part.axes)
            self.base.publish(base_message(self._robot, getattr(command, "base_velocity", still), stamp))
        stopped_now, self._following = self._following and not verdict.following, verdict.following
        new = verdict.following and proposed != self._followed
        opening_m = command.gripper_opening_m
        # The gripper holds a position by itself: sent once per proposal, and once more when the arm stops.
        if opening_m is not None and (new or stopped_now or opening_m != self.last_opening_m):
            gripper = JointState(name=[self._robot.gripper.joint], position=[opening_m])
            gripper.header.stamp = stamp
            self.gripper.publish(gripper)
            self.last_opening_m = opening_m
        if new:
            self._followed = proposed
            if self._timing is not None:
                timing = TimeReference(time_ref=proposed, source="proposal")
                timing.header.stamp = stamp
                self._timing.publish(timing)
