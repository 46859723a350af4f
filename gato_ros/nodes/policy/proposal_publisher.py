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
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.hold import base_at_rest
from gato_ros.nodes.messages.clocks import stamp_of
from gato_ros.nodes.messages.proposal import arm_message, policy_messages
from gato_ros.nodes.runtime.qos import PROPOSAL, REPORT


class ProposalPublisher:
    """The parts of an action under one stamp, and on ~/timing which observation they answer."""

    def __init__(self, node: Node, robot: Embodiment):
        self._node, self._robot = node, robot
        self._standing: Action | None = None
        self.mismatch = ""
        """What a subscriber asks for that we do not offer: it gets no proposals."""
        parts = list(zip((arm_message(robot), JointState), robot.proposal_topics))
        if robot.base_part is not None:
            parts.append((TwistStamped, robot.base_topics[0]))
        self._parts = [
            node.create_publisher(kind, topic, PROPOSAL, event_callbacks=self._on_mismatch(topic))
            for kind, topic in parts
        ]
        self._timing = node.create_publisher(TimeReference, "~/timing", REPORT)

    def _on_mismatch(self, topic: str) -> PublisherEventCallbacks:
        def store(event) -> None:
            self.mismatch = f"{topic}: a subscriber's {qos_policy_name_from_kind(event.last_policy_kind)} does not fit"

        return PublisherEventCallbacks(incompatible_qos=store)

    def publish(self, action: Action, observed_s: float) -> Time:
        """Propose `action`, made from the observation stamped `observed_s` [s]; the proposal's stamp."""
        stamp = self._send(action)
        timing = TimeReference(time_ref=stamp_of(observed_s), source="observation")
        timing.header.stamp = stamp
        self._timing.publish(timing)
        self._standing = action
        return stamp

    def withdraw(self) -> None:
        """Ask for a standstill, once, if a motion was proposed last.

        Silence alone would let the guard follow that motion for as long as a proposal is valid. A target in joint
        positions has no standstill that is known here: silence has to do, and the motion ends there at the latest.
        """
        standing, self._standing = self._standing, None
        robot, still = self._robot, self._robot.arm_part.standstill
        if standing is not None and still is not None:
            self._send(Action({**standing.values, robot.arm_key: np.array(still), **base_at_rest(robot)}))

    def _send(self, action: Action) -> Time:
        stamp = self._node.get_clock().now().to_msg()
        for publisher, message in zip(self._parts, policy_messages(self._robot, action, stamp), strict=True):
            publisher.publish(message)
        return stamp
