"""An action of the policy as the messages of a proposal."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState, TimeReference

from gato_ros.core.action import Action
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.clocks import stamp_of
from gato_ros.nodes.quality import PROPOSAL, REPORT


class ProposalPublisher:
    """Twist and gripper opening under one stamp, and on ~/timing which observation they answer."""

    def __init__(self, node: Node, robot: Embodiment):
        self._node, self._robot = node, robot
        self._twist = node.create_publisher(TwistStamped, robot.wire.proposal_twist, PROPOSAL)
        self._gripper = node.create_publisher(JointState, robot.wire.proposal_gripper, PROPOSAL)
        self._timing = node.create_publisher(TimeReference, "~/timing", REPORT)

    def publish(self, action: Action, observed_s: float) -> Time:
        """Propose `action`, made from the observation stamped `observed_s` [s]; the proposal's stamp."""
        stamp = self._node.get_clock().now().to_msg()
        twist = TwistStamped()
        twist.header.stamp, twist.header.frame_id = stamp, self._robot.base_frame
        linear, angular = twist.twist.linear, twist.twist.angular
        linear.x, linear.y, linear.z, angular.z = map(float, action.twist)
        gripper = JointState(name=[self._robot.gripper.joint], position=[float(action.gripper_opening_m)])
        gripper.header.stamp = stamp
        timing = TimeReference(time_ref=stamp_of(observed_s), source="observation")
        timing.header.stamp = stamp
        self._twist.publish(twist)
        self._gripper.publish(gripper)
        self._timing.publish(timing)
        return stamp
