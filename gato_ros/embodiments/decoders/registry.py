"""Message type -> decoder: all that there are."""

from __future__ import annotations

from gato_ros.core.errors import unknown_name
from gato_ros.embodiments.decoders.boolean import BOOL
from gato_ros.embodiments.decoders.decoder import Decoder
from gato_ros.embodiments.decoders.image import COMPRESSED_IMAGE, IMAGE
from gato_ros.embodiments.decoders.imu import IMU
from gato_ros.embodiments.decoders.joint_state import JOINT_STATE
from gato_ros.embodiments.decoders.multi_array import FLOAT32_ARRAY, FLOAT64_ARRAY
from gato_ros.embodiments.decoders.number import FLOAT32, FLOAT64
from gato_ros.embodiments.decoders.odometry import ODOMETRY
from gato_ros.embodiments.decoders.pose_stamped import POSE_STAMPED
from gato_ros.embodiments.decoders.range import RANGE
from gato_ros.embodiments.decoders.text import STRING
from gato_ros.embodiments.decoders.twist_stamped import TWIST_STAMPED
from gato_ros.embodiments.decoders.wrench_stamped import WRENCH_STAMPED

DECODERS: dict[str, Decoder] = {
    one.type: one
    for one in (
        BOOL,
        COMPRESSED_IMAGE,
        FLOAT32,
        FLOAT32_ARRAY,
        FLOAT64,
        FLOAT64_ARRAY,
        IMAGE,
        IMU,
        JOINT_STATE,
        ODOMETRY,
        POSE_STAMPED,
        RANGE,
        STRING,
        TWIST_STAMPED,
        WRENCH_STAMPED,
    )
}


def decoder_of(message_type: str) -> Decoder:
    """The decoder of `sensor_msgs/msg/Imu`; SetupError that lists all if there is none."""
    if message_type not in DECODERS:
        raise unknown_name("a message type that can be read", message_type, DECODERS)
    return DECODERS[message_type]
