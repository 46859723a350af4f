"""The topics that observations are made of: every message is checked before it counts."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image, JointState

from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.image import ImageRefused, rgb_from_message
from gato_ros.nodes.messages.joint_state import JointsRefused, OtherJoints, arm_state, gripper_state
from gato_ros.nodes.policy.observation_assembler import GRIPPER, JOINTS, ObservationAssembler
from gato_ros.nodes.runtime.qos import CAMERA, STATE_IN

Offer = Callable[[str, np.ndarray, Time], None]
SILENCE_S = 1.0
"""A publisher that is matched for longer than this [s] without one message is a fault with a name of its own."""


class SensorSubscriptions:
    """Subscribes to what an assembler needs; `offer` gets (its name, the value, the header stamp) of good messages.

    `fail` gets what no later message can mend: a camera whose pictures come from another camera.
    """

    def __init__(
        self, node: Node, robot: Embodiment, assembler: ObservationAssembler, offer: Offer, fail: Callable[[str], None]
    ):
        self._robot, self._offer, self._fail = robot, offer, fail
        self.refused = 0
        """How many messages did not fit the contract."""
        self.last_refusal = ""
        """What was wrong with the last of them."""
        self._waiting: dict[str, Subscription] = {}
        self._matched_s: dict[str, float] = {}
        self._read_before: set[str] = set()

        def subscribe(kind: type, topic: str, callback: Callable, quality: QoSProfile) -> None:
            def received(message) -> None:
                self._waiting.pop(topic, None)
                callback(message)

            self._waiting[topic] = node.create_subscription(kind, topic, received, quality)

        for key in assembler.image_keys:
            subscribe(Image, robot.observations[key].topic, self._on_image(key), CAMERA)
        if assembler.needs_joints:
            subscribe(JointState, robot.wire.joint_states.topic, self._on_joints, STATE_IN)
        if assembler.needs_gripper:
            subscribe(JointState, robot.wire.gripper_states.topic, self._on_gripper, STATE_IN)

    def silent(self) -> tuple[str, ...]:
        """Topics with a publisher and without a single message, in words; empty when there is none."""
        now_s, found = time.monotonic(), []
        for topic, subscription in list(self._waiting.items()):
            if not subscription.get_publisher_count():
                self._matched_s.pop(topic, None)
            elif now_s - self._matched_s.setdefault(topic, now_s) > SILENCE_S:
                found.append(
                    f"{topic} has a publisher, but nothing arrives (images that are too large for the "
                    "middleware are lost whole: send smaller ones)"
                )
        return tuple(found)

    def _refuse(self, what: str, why: Exception) -> None:
        self.refused += 1
        self.last_refusal = f"{what}: {why}"

    def _on_image(self, key: str):
        channel = self._robot.observations[key]

        def store(message: Image) -> None:
            try:
                pixels = rgb_from_message(message, channel.height, channel.width)
            except ImageRefused as refusal:
                return self._refuse(channel.topic, refusal)
            if message.header.frame_id != channel.frame_id:
                # Pictures of the wrong camera look well and make a policy do nonsense.
                return self._fail(
                    f"{channel.topic} shows frame {message.header.frame_id!r}, "
                    f"expected {channel.frame_id!r}: are two cameras swapped?"
                )
            self._offer(key, pixels, message.header.stamp)

        return store

    def _on_joints(self, message: JointState) -> None:
        self._read(JOINTS, message, arm_state)

    def _on_gripper(self, message: JointState) -> None:
        self._read(GRIPPER, message, gripper_state)

    def _read(self, name: str, message: JointState, read: Callable[[JointState, Embodiment], np.ndarray]) -> None:
        try:
            value = read(message, self._robot)
        except OtherJoints as refusal:
            if name not in self._read_before:  # else it is a second device's, on the same topic
                self._refuse(name, refusal)
            return
        except JointsRefused as refusal:
            return self._refuse(name, refusal)
        self._read_before.add(name)
        self._offer(name, value, message.header.stamp)
