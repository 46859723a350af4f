"""An action of the policy as the messages of a proposal."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import qos_policy_name_from_kind
from sensor_msgs.msg import JointState, TimeReference

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import stamp_of
from gato_ros.nodes.messages.proposal import proposal_messages
from gato_ros.nodes.runtime.qos import PROPOSAL, REPORT


class ProposalPublisher:
    """Twist and gripper opening under one stamp, and on ~/timing which observation they answer."""

    def __init__(self, node: Node, robot: Embodiment):
        self._node, self._robot = node, robot
        self._standing: ArmAction | None = None
        self.mismatch = ""
        """What a subscriber asks for that we do not offer: it gets no proposals."""
        wire = robot.wire
        self._twist = node.create_publisher(
            TwistStamped, wire.proposal_twist, PROPOSAL, event_callbacks=self._on_mismatch(wire.proposal_twist)
        )
        self._gripper = node.create_publisher(
            JointState, wire.proposal_gripper, PROPOSAL, event_callbacks=self._on_mismatch(wire.proposal_gripper)
        )
        self._timing = node.create_publisher(TimeReference, "~/timing", REPORT)

    def _on_mismatch(self, topic: str) -> PublisherEventCallbacks:
        def store(event) -> None:
            self.mismatch = f"{topic}: a subscriber's {qos_policy_name_from_kind(event.last_policy_kind)} does not fit"

        return PublisherEventCallbacks(incompatible_qos=store)

    def publish(self, action: Action, observed_s: float) -> Time:
        """Propose `action`, made from the observation stamped `observed_s` [s]; the proposal's stamp."""
        action = ArmAction.of(action)
        stamp = self._send(action)
        timing = TimeReference(time_ref=stamp_of(observed_s), source="observation")
        timing.header.stamp = stamp
        self._timing.publish(timing)
        self._standing = action
        return stamp

    def withdraw(self) -> None:
        """Ask for a standstill, once, if a motion was proposed last.

        Silence alone would let the guard follow that motion for as long as a proposal is valid.
        """
        if self._standing is not None:
            opening_m, self._standing = self._standing.gripper_opening_m, None
            self._send(ArmAction(np.zeros(4), opening_m))

    def _send(self, action: ArmAction) -> Time:
        stamp = self._node.get_clock().now().to_msg()
        twist, gripper = proposal_messages(self._robot, action, stamp)
        self._twist.publish(twist)
        self._gripper.publish(gripper)
        return stamp
