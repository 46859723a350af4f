"""Standard ROS 2 messages as CDR bytes, made and read without ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, overload

import numpy as np

if TYPE_CHECKING:
    from rosbags.typesys.store import Msg, Msgarg, Typestore
    from rosbags.typesys.stores.ros2_kilted import (
        geometry_msgs__msg__TwistStamped,
        sensor_msgs__msg__Image,
        sensor_msgs__msg__JointState,
        std_msgs__msg__Float32MultiArray,
        std_msgs__msg__Float64MultiArray,
        std_msgs__msg__String,
    )

NANOSECONDS = 1_000_000_000
IMAGE: Final = "sensor_msgs/msg/Image"
JOINT_STATE: Final = "sensor_msgs/msg/JointState"
TWIST: Final = "geometry_msgs/msg/TwistStamped"
STRING: Final = "std_msgs/msg/String"
HEADER_BYTES = 12
"""Of a message that begins with a header: encapsulation and stamp."""
FLOAT32_ARRAY: Final = "std_msgs/msg/Float32MultiArray"
FLOAT64_ARRAY: Final = "std_msgs/msg/Float64MultiArray"
LabelledArray = Literal["std_msgs/msg/Float32MultiArray", "std_msgs/msg/Float64MultiArray"]
_NONE = np.zeros(0)


@cache
def typestore() -> Typestore:
    """The message definitions. rosbags' generated code takes 4-8 us a message, mcap-ros2-support 50 us and more."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_KILTED)


@cache
def definition(message_type: str) -> bytes:
    """The `ros2msg` text of a type and all it contains, as an MCAP schema wants it."""
    return typestore().generate_msgdef(message_type, ros_version=2)[0].encode()


def _header(stamp_ns: int, frame_id: str) -> Msg:
    types = typestore().types
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS)
    stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def _bytes(message_type: str, **fields: Msgarg) -> memoryview:
    store = typestore()
    return store.serialize_cdr(store.types[message_type](**fields), message_type)


def image(pixels: np.ndarray, stamp_ns: int, frame_id: str) -> memoryview:
    """`pixels` is uint8 [height width 3], RGB."""
    height, width, _ = pixels.shape
    return _bytes(
        IMAGE,
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="rgb8",
        is_bigendian=0,
        step=width * 3,
        data=np.ascontiguousarray(pixels).reshape(-1),
    )


def joint_state(
    names: Sequence[str],
    stamp_ns: int,
    position: np.ndarray | Sequence[float] | None = None,
    velocity: np.ndarray | Sequence[float] | None = None,
) -> memoryview:
    """Positions [rad or m] and velocities of the named joints; what is None stays empty."""
    filled = [_NONE if part is None else np.asarray(part, np.float64) for part in (position, velocity)]
    return _bytes(
        JOINT_STATE,
        header=_header(stamp_ns, ""),
        name=list(names),
        position=filled[0],
        velocity=filled[1],
        effort=_NONE,
    )


def twist_stamped(
    twist: np.ndarray, stamp_ns: int, frame_id: str, components: Sequence[str] = ("vx", "vy", "vz", "wz")
) -> memoryview:
    """`twist` holds these components [m/s], [rad/s]; the others are zero."""
    vector = typestore().types["geometry_msgs/msg/Vector3"]
    found = {name: float(value) for name, value in zip(components, twist, strict=True)}
    linear, angular = (vector(*(found.get(f"{kind}{axis}", 0.0) for axis in "xyz")) for kind in "vw")
    content = typestore().types["geometry_msgs/msg/Twist"](linear=linear, angular=angular)
    return _bytes(TWIST, header=_header(stamp_ns, frame_id), twist=content)


def labelled_array(message_type: str, arrays: Mapping[str, np.ndarray]) -> memoryview:
    """All `arrays` end to end in one multi-array; each layout dimension is labelled with its key."""
    types = typestore().types
    flat = [np.ravel(array) for array in arrays.values()]
    dimensions: list[Msg] = [
        types["std_msgs/msg/MultiArrayDimension"](label=key, size=part.size, stride=part.size)
        for key, part in zip(arrays, flat)
    ]
    layout = types["std_msgs/msg/MultiArrayLayout"](dim=dimensions, data_offset=0)
    dtype = np.float32 if message_type == FLOAT32_ARRAY else np.float64
    data = np.concatenate(flat).astype(dtype) if flat else np.zeros(0, dtype)
    return _bytes(message_type, layout=layout, data=data)


def text(content: str) -> memoryview:
    """A String."""
    return _bytes(STRING, data=content)


@overload
def read(message_type: Literal["sensor_msgs/msg/Image"], data: bytes) -> sensor_msgs__msg__Image: ...
@overload
def read(message_type: Literal["sensor_msgs/msg/JointState"], data: bytes) -> sensor_msgs__msg__JointState: ...
@overload
def read(message_type: Literal["geometry_msgs/msg/TwistStamped"], data: bytes) -> geometry_msgs__msg__TwistStamped: ...
@overload
def read(message_type: Literal["std_msgs/msg/String"], data: bytes) -> std_msgs__msg__String: ...
@overload
def read(
    message_type: LabelledArray, data: bytes
) -> std_msgs__msg__Float32MultiArray | std_msgs__msg__Float64MultiArray: ...
@overload
def read(message_type: str, data: bytes) -> object: ...
def read(message_type: str, data: bytes) -> object:
    """The message in `data`; its arrays are views into `data`."""
    return typestore().deserialize_cdr(data, message_type)


def read_labelled_array(message_type: LabelledArray, data: bytes) -> dict[str, np.ndarray]:
    """Inverse of `labelled_array`; every array comes back flat."""
    message = read(message_type, data)
    sizes = [dimension.size for dimension in message.layout.dim]
    parts = np.split(message.data, np.cumsum(sizes)[:-1]) if sizes else []
    return {dimension.label: part for dimension, part in zip(message.layout.dim, parts)}


def read_image(data: bytes) -> np.ndarray:
    """The uint8 [height width 3] pixels of an rgb8 image."""
    message = read(IMAGE, data)
    if message.encoding != "rgb8" or message.step != message.width * 3:
        raise ValueError(f"an episode holds packed rgb8 images, got {message.encoding} with step {message.step}")
    return message.data.reshape(message.height, message.width, 3)


def read_twist(data: bytes, components: Sequence[str] = ("vx", "vy", "vz", "wz")) -> np.ndarray:
    """[components] of a TwistStamped."""
    twist = read(TWIST, data).twist
    return np.array([getattr(twist.linear if name[0] == "v" else twist.angular, name[1]) for name in components])


def read_text(data: bytes) -> str:
    """The content of a String."""
    return read(STRING, data).data


def read_position(data: bytes) -> float:
    """The position of the first joint of a JointState."""
    return float(read(JOINT_STATE, data).position[0])
