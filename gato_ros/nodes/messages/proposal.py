"""One proposal as its two messages."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.core.arm_action import ArmAction
from gato_ros.embodiments import Embodiment


def proposal_messages(robot: Embodiment, action: ArmAction, stamp: Time) -> tuple[TwistStamped, JointState]:
    """Twist in the base frame and gripper opening, under one stamp."""
    twist = TwistStamped()
    twist.header.stamp, twist.header.frame_id = stamp, robot.base_frame
    linear, angular = twist.twist.linear, twist.twist.angular
    linear.x, linear.y, linear.z, angular.z = map(float, action.twist)
    gripper = JointState(name=[robot.gripper.joint], position=[float(action.gripper_opening_m)])
    gripper.header.stamp = stamp
    return twist, gripper
