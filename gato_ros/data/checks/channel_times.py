"""When and at which steps the messages of a channel came: numbers only, for a check that reads a file once."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from gato_ros.data import messages
from gato_ros.data.checks.gaps import begins_with_header, header_stamp_ns
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.message_stream import Channel
from gato_ros.embodiments import Embodiment

CAMERA_TYPES = (messages.IMAGE, "sensor_msgs/msg/CompressedImage")


@dataclass
class ChannelTimes:
    """N messages of one channel; 24 bytes each."""

    channel: Channel
    steps: array = field(default_factory=lambda: array("q"))
    stamps_ns: array = field(default_factory=lambda: array("q"))
    """As the file has them: receipt in a recording over ROS, else the observation's."""
    headers_ns: array[int] = field(default_factory=lambda: array("q"))
    """Stamps in the messages' own headers; empty for a type without a header."""

    def add(self, step: int, stamp_ns: int, data: bytes) -> None:
        """One message."""
        self.steps.append(step)
        self.stamps_ns.append(stamp_ns)
        if begins_with_header(self.channel.message_type) and len(data) >= messages.HEADER_BYTES:
            self.headers_ns.append(header_stamp_ns(data))

    @property
    def stamps_s(self) -> np.ndarray:
        """[N] the file's stamps [s]."""
        return np.array(self.stamps_ns, np.float64) / messages.NANOSECONDS

    @property
    def sensor_stamps_s(self) -> np.ndarray:
        """[N] stamps [s] by the sensor's own clock, or the file's where its messages have none."""
        if len(self.headers_ns) != len(self.stamps_ns):
            return self.stamps_s
        return np.array(self.headers_ns, np.float64) / messages.NANOSECONDS


def is_native_sensor(channel: Channel, robot: Embodiment | None) -> bool:
    """Whether it is a camera or a joint state that was recorded at its own rate, not step by step."""
    if channel.role != roles.RAW:
        return False
    wire = {robot.wire.joint_states.topic, robot.wire.gripper_states.topic} if robot else set()
    of_contract = any(channel.topic == name or channel.topic.endswith("/" + name) for name in wire)
    return channel.message_type in CAMERA_TYPES or of_contract
