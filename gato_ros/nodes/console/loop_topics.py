"""What the loop publishes, onto the board: subscribed to only while somebody looks, and never faster than one looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float32MultiArray, String

from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.nodes.console.board import GUARD, Board
from gato_ros.nodes.console.picture_shelf import PictureShelf
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.messages.joint_state import JointsRefused, arm_state, gripper_opening_command, gripper_state
from gato_ros.nodes.messages.proposal import arm_message
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.policy.saliency_topic import SALIENCY_ENCODING, saliency_topic
from gato_ros.nodes.recorder.raw_topics import RawTopics
from gato_ros.nodes.runtime.qos import CAMERA, RECORD_SENSOR, REPORT

STATUSES = (GUARD, "policy_node", "recorder_node", "driver_node", "lifecycle_manager")

STATES = ("joints", "gripper", "gripper_command")


class LoopTopics:
    """Takes messages as bytes and decodes what is shown: of joints and pictures the newest. One thread."""

    def __init__(self, node: Node, robot: Embodiment, board: Board, shelf: PictureShelf, overlays: PictureShelf):
        self._node, self._robot, self._board = node, robot, board
        self._shelf, self._overlays = shelf, overlays
        self._overlay: RawTopics | None = None
        self._readers = {key: PictureReader(camera) for key, camera in robot.cameras.items()}
        self._topics: RawTopics | None = None
        self._newest: dict[str, tuple[Topic, bytes, float]] = {}

    def _wanted(self) -> list[tuple]:
        wire = self._robot.wire
        pictures = [
            ("image", key, one.topic, message_class(one.type), RECORD_SENSOR)
            for key, one in self._robot.cameras.items()
        ]
        statuses = [("status", name, f"{name}/status", DiagnosticStatus, RECORD_SENSOR) for name in STATUSES]
        return [
            *pictures,
            *statuses,
            ("joints", "", wire.joint_states.topic, JointState, RECORD_SENSOR),
            ("gripper", "", wire.gripper_states.topic, JointState, RECORD_SENSOR),
            ("gripper_command", "", wire.gripper_command, JointState, RECORD_SENSOR),
            ("proposal", "", self._robot.proposal_topics[0], arm_message(self._robot), RECORD_SENSOR),
            ("thought", "", "policy_node/introspection", Float32MultiArray, RECORD_SENSOR),
            ("answer", "", "policy_node/answer", String, REPORT),
        ]

    def look(self, looking: bool) -> None:
        """Subscribe while somebody looks, and at no other time."""
        if looking and self._topics is None:
            self._board.forget()
            self._shelf.clear()
            wanted = self._wanted()
            self._names = {self._node.resolve_topic_name(one[2]): one[2] for one in wanted}
            self._kinds = {self._node.resolve_topic_name(one[2]): one[3] for one in wanted}
            self._topics = RawTopics(self._node, wanted, self._receive)
        elif self._topics is not None and not looking:
            self._topics.close()
            self._topics = None

    def overlay(self, wanted: bool) -> None:
        """Subscribe to what the policy looks at while somebody wants to see it: for nobody it makes no map."""
        if wanted and self._overlay is None:
            self._overlays.clear()
            topics = [
                ("saliency", key, f"policy_node/{saliency_topic(key)}", Image, CAMERA) for key in self._robot.cameras
            ]
            self._overlay = RawTopics(self._node, topics, self._receive_map)
        elif self._overlay is not None and not wanted:
            self._overlay.close()
            self._overlay = None

    def offers_overlay(self) -> bool:
        """Whether a policy would make maps."""
        count = self._node.count_publishers
        return any(count(f"policy_node/{saliency_topic(key)}") for key in self._robot.cameras)

    def _receive_map(self, topic: Topic, kept: Kept) -> None:
        message = deserialize_message(kept.data, Image)
        if message.encoding != SALIENCY_ENCODING or len(message.data) != 4 * message.height * message.width:
            return
        values = np.frombuffer(message.data, np.float32).reshape(message.height, message.width)
        if not values.size or not np.isfinite(values).all():
            return
        age_s = self._node.get_clock().now().nanoseconds * 1e-9 - seconds(message.header.stamp)
        taken_s = kept.received_s - max(0.0, age_s)
        self._board.keep(f"saliency {topic.key}", (taken_s, float(values.max())), kept.received_s)
        self._overlays.put(topic.key, lambda: values)

    def listen(self) -> None:
        """Take what came since."""
        if self._overlay is not None:
            self._overlay.listen()
        if self._topics is None:
            return
        self._topics.listen()
        newest, self._newest = self._newest, {}
        for topic, data, received_s in newest.values():
            self._show(topic, deserialize_message(data, self._kinds[topic.name]), received_s)

    def _receive(self, topic: Topic, kept: Kept) -> None:
        # When the middleware had it, not when its turn came here.
        waited_s = min(max((time.time_ns() - kept.stamp_ns) * 1e-9, 0.0), 1.0)
        received_s = kept.received_s - waited_s
        self._board.saw(self._names[topic.name], received_s)
        if topic.role == "image":
            self._shelf.put(topic.key, self._pixels(topic, kept.data))
        elif topic.role in STATES:
            self._newest[topic.name] = (topic, kept.data, received_s)
        elif topic.role != "proposal":
            self._show(topic, deserialize_message(kept.data, self._kinds[topic.name]), received_s)

    def _pixels(self, topic: Topic, data: bytes) -> Callable[[], np.ndarray | None]:
        @cache
        def pixels() -> np.ndarray | None:
            try:
                return self._readers[topic.key].picture(deserialize_message(data, self._kinds[topic.name]))
            except Refused:
                return None  # the policy refuses it, too, and says so

        return pixels

    def _show(self, topic: Topic, message: Any, received_s: float) -> None:
        board = self._board
        if topic.role == "status":
            board.keep_status(topic.key, message.message, values_of(message), received_s)
        elif topic.role == "thought":
            board.keep_thought([(part.label, part.size) for part in message.layout.dim], message.data, received_s)
        elif topic.role == "answer":
            board.keep_answer(message.data, received_s)
        else:
            self._show_state(topic.role, message, received_s)

    def _show_state(self, role: str, message: JointState, received_s: float) -> None:
        try:
            if role == "joints":
                position, speed = arm_state(message, self._robot)
                self._board.keep("joints", position, received_s)
                self._board.keep("speeds", speed, received_s)
            elif role == "gripper_command":
                self._board.keep(role, gripper_opening_command(message, self._robot), received_s)
            else:
                opening, effort = gripper_state(message, self._robot)[:, 0]
                self._board.keep("gripper", (float(opening), float(effort)), received_s)
        except JointsRefused:
            return  # as with pictures
