"""The topics that observations are made of: every message is checked before it counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.channel_reader import ChannelReader
from gato_ros.embodiments.decoders.decoder import OtherDevice, Refused
from gato_ros.embodiments.decoders.transform import TF, TF_STATIC, TF_TYPE, TransformLookup
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.joint_state import JointsRefused, OtherJoints, arm_state, gripper_state
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.policy.observation_assembler import GRIPPER, JOINTS, ObservationAssembler
from gato_ros.nodes.preflight.ros_graph import unfit_publishers
from gato_ros.nodes.runtime.qos import STATE_IN, TRANSFORMS, TRANSFORMS_KEPT, of_contract

Offer = Callable[[str, np.ndarray, "float | None"], None]
SILENCE_S = 1.0
"""A publisher that is matched for longer than this [s] without one message is a fault with a name of its own."""
CAMERA_DEPTH, STATE_DEPTH = 1, 10
"""Messages that wait for their turn: of a camera only the newest counts."""


class SensorSubscriptions:
    """Subscribes to what an assembler needs; `offer` gets (its name, the value, its stamp [s]) of good messages.

    The stamp is None where the contract judges a sensor by receipt. `fail` gets what no later message can mend: a
    camera whose pictures come from another camera.
    """

    def __init__(
        self, node: Node, robot: Embodiment, assembler: ObservationAssembler, offer: Offer, fail: Callable[[str], None]
    ):
        self._node, self._robot, self._offer, self._fail = node, robot, offer, fail
        self.refused = 0
        """How many messages did not fit the contract."""
        self.last_refusal = ""
        """What was wrong with the last of them."""
        self._waiting: dict[str, Subscription] = {}
        self._matched_s: dict[str, float] = {}
        self._read_before: set[str] = set()
        self._callbacks: dict[tuple, list[Callable]] = {}
        for key in assembler.image_keys:
            self._on(robot.cameras[key], CAMERA_DEPTH, self._on_image(key))
        for key in assembler.listened:
            channel = robot.listened[key]
            if channel.transform is None:
                self._on(channel, STATE_DEPTH, self._on_channel(key))
            else:
                self._subscribe_transforms(key)
        if assembler.needs_joints:
            self._subscribe(JointState, robot.wire.joint_states.topic, self._on_joints, STATE_IN)
        if assembler.needs_gripper:
            self._subscribe(JointState, robot.wire.gripper_states.topic, self._on_gripper, STATE_IN)

    def _on(self, channel, depth: int, callback: Callable) -> None:
        """One subscription for all channels that read the same topic in the same way: it is decoded once for each."""
        way = (channel.topic, channel.type, channel.quality)
        if way in self._callbacks:
            return self._callbacks[way].append(callback)
        callbacks = self._callbacks[way] = [callback]

        def each(message) -> None:
            for one in callbacks:
                one(message)

        quality = of_contract(channel.quality, depth)
        self._subscribe(message_class(channel.type), channel.topic, each, quality)

    def _subscribe(self, kind: type, topic: str, callback: Callable, quality: QoSProfile) -> None:
        def received(message) -> None:
            self._waiting.pop(topic, None)
            callback(message)

        self._waiting[topic] = self._node.create_subscription(kind, topic, received, quality)

    def silent(self) -> tuple[str, ...]:
        """Topics with a publisher and without a single message, in words; empty when there is none."""
        now_s, found = time.monotonic(), []
        for topic, subscription in list(self._waiting.items()):
            if subscription.get_publisher_count():
                why = (
                    "nothing arrives (images that are too large for the middleware are lost whole: send smaller ones, "
                    "or JPEG)"
                )
            elif unfit := unfit_publishers(self._node, topic, subscription.qos_profile):
                why = unfit
            else:
                self._matched_s.pop(topic, None)
                continue
            if now_s - self._matched_s.setdefault(topic, now_s) > SILENCE_S:
                found.append(f"{topic} has a publisher, but {why}")
        return tuple(found)

    def _refuse(self, what: str, why: Exception) -> None:
        self.refused += 1
        self.last_refusal = f"{what}: {why}"

    def _on_image(self, key: str):
        channel = self._robot.cameras[key]
        reader, by_header = PictureReader(channel), channel.timeline == "header"

        def store(message: Any) -> None:
            try:
                pixels = reader.picture(message)
            except Refused as refusal:
                return self._refuse(channel.topic, refusal)
            if fault := reader.frame_fault(message):
                # Pictures of the wrong camera look well and make a policy do nonsense.
                return self._fail(f"{channel.topic} shows {fault}: are two cameras swapped?")
            self._offer(key, pixels, seconds(message.header.stamp) if by_header else None)

        return store

    def _on_channel(self, key: str):
        channel = self._robot.listened[key]
        reader, by_header = ChannelReader(channel), channel.timeline == "header"

        def store(message: Any) -> None:
            try:
                value = reader.value(message)
            except OtherDevice as refusal:
                if key not in self._read_before:  # else it is a second device's, on the same topic
                    self._refuse(f"{channel.topic}, {key}", refusal)
                return
            except Refused as refusal:
                return self._refuse(f"{channel.topic}, {key}", refusal)
            self._read_before.add(key)
            self._offer(key, value, seconds(message.header.stamp) if by_header else None)

        return store

    def _subscribe_transforms(self, key: str) -> None:
        channel = self._robot.listened[key]
        transform = channel.transform
        reader, lookup = ChannelReader(channel), TransformLookup(transform.frame, transform.in_)

        def take(static: bool):
            def store(message: Any) -> None:
                try:
                    if (looked := lookup.take(message, static)) is None:
                        if key not in self._read_before:
                            self.last_refusal = f"{TF}, {key}: {lookup.why_not()}"
                        return
                    value = reader.value(looked)
                except Refused as refusal:
                    return self._refuse(f"{TF}, {key}", refusal)
                self._read_before.add(key)
                self._offer(key, value, looked.stamp_s if np.isfinite(looked.stamp_s) else None)

            return store

        kind = message_class(TF_TYPE)
        self._node.create_subscription(kind, TF, take(False), TRANSFORMS)
        self._node.create_subscription(kind, TF_STATIC, take(True), TRANSFORMS_KEPT)

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
        self._offer(name, value, seconds(message.header.stamp))
