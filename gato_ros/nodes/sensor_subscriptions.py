"""The topics that observations are made of: every message is checked before it counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from gato_ros.embodiments import Embodiment
from gato_ros.nodes.image import ImageRefused, rgb_from_message
from gato_ros.nodes.joint_message import JointsRefused, values_by_name
from gato_ros.nodes.observation_assembler import GRIPPER, JOINTS, ObservationAssembler
from gato_ros.nodes.quality import CAMERA, STATE_IN

Offer = Callable[[str, np.ndarray, Time], None]


class SensorSubscriptions:
    """Subscribes to what an assembler needs; `offer` gets (its name, the value, the header stamp) of good messages."""

    def __init__(self, node: Node, robot: Embodiment, assembler: ObservationAssembler, offer: Offer):
        self._robot, self._offer = robot, offer
        self.refused = 0
        """How many messages did not fit the contract."""
        self.last_refusal = ""
        """What was wrong with the last of them."""
        for key in assembler.image_keys:
            node.create_subscription(Image, robot.observations[key].topic, self._on_image(key), CAMERA)
        if assembler.needs_joints:
            node.create_subscription(JointState, robot.wire.joint_states.topic, self._on_joints, STATE_IN)
        if assembler.needs_gripper:
            node.create_subscription(JointState, robot.wire.gripper_states.topic, self._on_gripper, STATE_IN)

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
            self._offer(key, pixels, message.header.stamp)
        return store

    def _on_joints(self, message: JointState) -> None:
        self._read(JOINTS, message, self._robot.arm.joints, ("position", "velocity"))

    def _on_gripper(self, message: JointState) -> None:
        self._read(GRIPPER, message, [self._robot.gripper.joint], ("position", "effort"))

    def _read(self, name: str, message: JointState, joints: list[str], fields: tuple[str, ...]) -> None:
        try:
            value = np.array([values_by_name(message, field, joints, closed=False) for field in fields])
            if not np.isfinite(value).all():
                raise JointsRefused("a value is not finite")
        except JointsRefused as refusal:
            return self._refuse(name, refusal)
        self._offer(name, value, message.header.stamp)
