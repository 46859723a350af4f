"""What people's robots really send, case by case: each is read right, or refused in one clear line.

Pictures, joints and other messages go through the readers that the nodes use; clocks and rates through the assembler
that makes observations; contracts through the loader. Nothing here needs a node.
"""

import array
import struct

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, TransformStamped, TwistStamped, WrenchStamped
from sensor_msgs.msg import CompressedImage, Image, Imu, JointState, Range
from std_msgs.msg import Bool, Float32, Float32MultiArray, Float64, Float64MultiArray, String

from gato_ros.core.errors import SetupError
from gato_ros.core.text import text_from_value
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.channels import ContinuousChannel, DiscreteChannel, ImageChannel, TextChannel
from gato_ros.embodiments.decoders.channel_reader import ChannelReader
from gato_ros.embodiments.decoders.decoder import OtherDevice, Refused
from gato_ros.embodiments.decoders.registry import DECODERS
from gato_ros.embodiments.decoders.transform import TransformLookup
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.embodiments.preflight.quality import clash
from gato_ros.embodiments.yaml_file import yaml_of
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.preflight.ros_graph import quality_of
from gato_ros.nodes.runtime.qos import CAMERA, STATE_OUT, of_contract

HEIGHT, WIDTH = 32, 48
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
SEEN = PICTURE.reshape(16, 2, 16, 3, 3).mean((1, 3))
"""What a model with 16x16 pixels sees of it."""
GREY = np.full((HEIGHT, WIDTH), 90, np.uint8)
RED, GREEN, BLUE = COLOUR = (200, 100, 50)
FLAT = np.full((HEIGHT, WIDTH, 3), COLOUR, np.uint8)


def camera(**changes):
    camera_changes = changes.pop("camera", {})
    return ImageChannel.model_validate(
        {
            "kind": "image",
            "topic": "eye",
            "type": "sensor_msgs/msg/Image",
            "frame_id": "eye",
            "quality": "sensor",
            "timeline": "header",
            "align": "hold",
            "max_age_s": 0.15,
            "height": 16,
            "width": 16,
            "camera": {"height": HEIGHT, "width": WIDTH, **camera_changes},
            **changes,
        }
    )


def raw(pixels, encoding, padding=0, big=False, **changes):
    rows = np.ascontiguousarray(pixels)
    rows = rows.astype(rows.dtype.newbyteorder(">")) if big else rows
    rows = rows.reshape(HEIGHT, -1).view(np.uint8)
    rows = np.concatenate([rows, np.full((HEIGHT, padding), 77, np.uint8)], axis=1)
    message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=rows.shape[1], is_bigendian=int(big))
    message.data = array.array("B", rows.tobytes())
    message.header.frame_id = "eye"
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def mosaic(pattern, pixels=FLAT, scale=1):
    """A Bayer picture: of each pixel one colour, as the pattern of two rows names it."""
    made = np.zeros((HEIGHT, WIDTH), np.uint16 if scale > 1 else np.uint8)
    for place, letter in enumerate(pattern):
        row, column = divmod(place, 2)
        made[row::2, column::2] = pixels[row::2, column::2, "rgb".index(letter)].astype(made.dtype) * scale
    return made


def yuv(order):
    """One colour in 4:2:2, by the definition of BT.601."""
    r, g, b = (value / 255 for value in COLOUR)
    y = round(16 + 65.481 * r + 128.553 * g + 24.966 * b)
    u = round(128 - 37.797 * r - 74.203 * g + 112.0 * b)
    v = round(128 + 112.0 * r - 93.786 * g - 18.214 * b)
    return np.tile(np.array([{"y": y, "u": u, "v": v}[letter] for letter in order], np.uint8), HEIGHT * WIDTH // 2)


def packed(extension, pixels, said=None, head=b"", tail=b"", cut=None, options=()):
    _, data = cv2.imencode(extension, pixels, list(options))
    message = CompressedImage(format=said or extension[1:])
    message.data = array.array("B", head + data.tobytes()[:cut] + tail)
    message.header.frame_id = "eye"
    return message


JPEG, PNG = {"type": "sensor_msgs/msg/CompressedImage"}, {"type": "sensor_msgs/msg/CompressedImage"}
DEPTH = {"camera": {"depth_m": [0.5, 2.0]}}
METRE = np.full((HEIGHT, WIDTH), 1000, np.uint16)
METRE_SEEN = 1 + round(254 * (1.0 - 0.5) / 1.5)
ALPHA = np.full((HEIGHT, WIDTH, 1), 9, np.uint8)
SMOOTH = cv2.GaussianBlur(PICTURE, (0, 0), 4)
SMOOTH_SEEN = SMOOTH.reshape(16, 2, 16, 3, 3).mean((1, 3))
EXIF = b"\xff\xe1\x00\x22Exif\0\0" + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def turned_by_exif():
    """A JPEG that says that it should be turned: a camera that was mounted so does not change what it shows."""
    message = packed(".jpg", SMOOTH[:, :, ::-1], options=(cv2.IMWRITE_JPEG_QUALITY, 98))
    data = message.data.tobytes()
    message.data = array.array("B", data[:2] + EXIF + data[2:])
    return message


# name, channel, message, what the model sees (a number: everywhere) and how exactly; or a part of the refusal.
PICTURES = [
    ("rgb8", {}, raw(PICTURE, "rgb8"), SEEN, 0.51),
    ("bgr8 of a RealSense or usb_cam", {}, raw(PICTURE[:, :, ::-1], "bgr8"), SEEN, 0.51),
    ("rgba8", {}, raw(np.dstack([PICTURE, ALPHA]), "rgba8"), SEEN, 0.51),
    ("bgra8 of a ZED", {}, raw(np.dstack([PICTURE[:, :, ::-1], ALPHA]), "bgra8"), SEEN, 0.51),
    ("mono8", {}, raw(GREY, "mono8"), 90, 0),
    ("padded rows", {}, raw(PICTURE, "rgb8", padding=16), SEEN, 0.51),
    ("padded rows of bgr8", {}, raw(PICTURE[:, :, ::-1], "bgr8", padding=5), SEEN, 0.51),
    ("uyvy", {}, raw(yuv("uyvy"), "yuv422"), COLOUR, 3),
    ("uyvy by its new name", {}, raw(yuv("uyvy"), "uyvy"), COLOUR, 3),
    ("yuyv of a webcam", {}, raw(yuv("yuyv"), "yuv422_yuy2"), COLOUR, 3),
    ("yuyv by its new name", {}, raw(yuv("yuyv"), "yuyv"), COLOUR, 3),
    ("padded yuyv", {}, raw(yuv("yuyv"), "yuyv", padding=32), COLOUR, 3),
    *(
        (f"bayer_{pattern}8", {}, raw(mosaic(pattern), f"bayer_{pattern}8"), COLOUR, 1)
        for pattern in ("rggb", "bggr", "gbrg", "grbg")
    ),
    ("bayer of 16 bits", {}, raw(mosaic("rggb", scale=257), "bayer_rggb16"), COLOUR, 1),
    ("bayer of 16 bits, big-endian", {}, raw(mosaic("grbg", scale=257), "bayer_grbg16", big=True), COLOUR, 1),
    ("depth in millimetres", DEPTH, raw(METRE, "16UC1"), METRE_SEEN, 0),
    ("depth named mono16", DEPTH, raw(METRE, "mono16"), METRE_SEEN, 0),
    ("depth, big-endian", DEPTH, raw(METRE, "16UC1", big=True), METRE_SEEN, 0),
    ("depth, padded", DEPTH, raw(METRE, "16UC1", padding=4), METRE_SEEN, 0),
    ("depth in metres", DEPTH, raw(np.ones((HEIGHT, WIDTH), np.float32), "32FC1"), METRE_SEEN, 0),
    ("depth without a measurement", DEPTH, raw(METRE * 0, "16UC1"), 0, 0),
    ("depth that is NaN", DEPTH, raw(np.full((HEIGHT, WIDTH), np.nan, np.float32), "32FC1"), 0, 0),
    ("depth beyond the range", DEPTH, raw(METRE * 60, "16UC1"), 255, 0),
    ("depth of PNG", {**PNG, **DEPTH}, packed(".png", METRE, "16UC1; png compressed"), METRE_SEEN, 0),
    (
        "depth of compressedDepth",
        {**PNG, **DEPTH},
        packed(".png", METRE, "16UC1; compressedDepth png", head=struct.pack("<iff", 0, 0, 0)),
        METRE_SEEN,
        0,
    ),
    ("a sharp JPEG", JPEG, packed(".jpg", SMOOTH[:, :, ::-1], options=(cv2.IMWRITE_JPEG_QUALITY, 98)), SMOOTH_SEEN, 4),
    ("a JPEG with a driver's padding", JPEG, packed(".jpg", FLAT[:, :, ::-1], tail=b"\0" * 7), COLOUR, 3),
    ("a grey JPEG", JPEG, packed(".jpg", GREY, "mono8; jpeg compressed"), 90, 1),
    ("a JPEG turned by EXIF", JPEG, turned_by_exif(), SMOOTH_SEEN, 4),
    ("a PNG", PNG, packed(".png", PICTURE[:, :, ::-1]), SEEN, 0.51),
    ("a PNG with alpha", PNG, packed(".png", np.dstack([PICTURE[:, :, ::-1], ALPHA])), SEEN, 0.51),
    ("a grey PNG", PNG, packed(".png", GREY), 90, 0),
    ("another size", {}, raw(PICTURE, "rgb8", height=16, width=96, step=288), "96x16 pixels, expected 48x32", None),
    ("another size as JPEG", JPEG, packed(".jpg", PICTURE[:16]), "48x16 pixels, expected 48x32", None),
    ("an upright picture as JPEG", JPEG, packed(".jpg", np.rot90(PICTURE)), "32x48 pixels, expected 48x32", None),
    ("rows too short", {}, raw(PICTURE, "rgb8", step=100), "rows of 100 bytes are too short", None),
    ("data cut short", {}, raw(PICTURE, "rgb8", data=array.array("B", b"1" * 99)), "99 bytes of data, expected", None),
    ("16 bits without a range", {}, raw(METRE, "16UC1"), "is depth: state camera.depth_m", None),
    ("mono16 without a range", {}, raw(METRE, "mono16"), "is depth: state camera.depth_m", None),
    ("a PNG of 16 bits without a range", PNG, packed(".png", METRE), "16 bits are depth", None),
    ("colour where depth is stated", DEPTH, raw(PICTURE, "rgb8"), "'rgb8' is no depth", None),
    ("a JPEG where depth is stated", {**JPEG, **DEPTH}, packed(".jpg", PICTURE), "neither JPEG nor PNG", None),
    ("an unknown encoding", {}, raw(PICTURE, "8UC3"), "encoding '8UC3': expected one of rgb8, bgr8", None),
    ("yuv of an odd width", {}, raw(np.zeros((HEIGHT, 2 * WIDTH), np.uint8), "yuyv", width=47), "47x32 pixels", None),
    (
        "rgb8 that calls itself mono8",
        {},
        raw(np.repeat(PICTURE, 3, axis=1), "mono8"),
        "another encoding than mono8",
        None,
    ),
    ("a JPEG cut short", JPEG, packed(".jpg", PICTURE, cut=-400), "without its end", None),
    ("a PNG cut short", PNG, packed(".png", PICTURE, cut=-40), "without its end", None),
    (
        "H.264",
        JPEG,
        CompressedImage(format="h264", data=array.array("B", b"\0\0\0\1gabc")),
        "neither JPEG nor PNG",
        None,
    ),
    ("nothing in it", JPEG, CompressedImage(format="jpeg"), "neither JPEG nor PNG", None),
    ("noise after a JPEG's head", JPEG, packed(".jpg", PICTURE, head=b"\0"), "neither JPEG nor PNG", None),
    (
        "compressedDepth of floats",
        {**PNG, **DEPTH},
        packed(".png", METRE, "32FC1; compressedDepth png", head=b"\0" * 12),
        "only 16UC1 can be read",
        None,
    ),
]


@pytest.mark.parametrize("case", PICTURES, ids=[case[0] for case in PICTURES])
def test_a_picture_is_right_or_refused(case):
    _, changes, message, wanted, within = case
    reader = PictureReader(camera(**changes))
    if isinstance(wanted, str):
        with pytest.raises(Refused) as refusal:
            reader.picture(message)
        assert wanted in str(refusal.value) and "\n" not in str(refusal.value)
    else:
        got = reader.picture(message)
        assert got.shape == (16, 16, 3) and got.dtype == np.uint8
        assert np.abs(got.astype(float) - np.asarray(wanted)).max() <= within


@pytest.mark.parametrize(
    "frame, wanted, said", [("eye", "eye", ""), ("left", "eye", "frame 'left'"), ("left", None, "")]
)
def test_a_picture_of_another_frame_is_noticed_where_one_is_stated(frame, wanted, said):
    message = raw(PICTURE, "rgb8")
    message.header.frame_id = frame
    assert PictureReader(camera(frame_id=wanted)).frame_fault(message).startswith(said) is True
    assert bool(PictureReader(camera(frame_id=wanted)).frame_fault(message)) == bool(said)


# --- joints and other numbers ---


def numbers(kind, fields, size, **changes):
    return ContinuousChannel.model_validate(
        {
            "kind": "continuous",
            "topic": "t",
            "type": kind,
            "fields": fields,
            "quality": "sensor",
            "timeline": "receipt",
            "align": "newest_before",
            "max_age_s": 0.1,
            "units": ["1"] * size,
            "lower": [-9.0] * size,
            "upper": [9.0] * size,
            **changes,
        }
    )


def joints(names="abc", position=(1.0, 2.0, 3.0), velocity=(), effort=()):
    return JointState(name=list(names), position=list(position), velocity=list(velocity), effort=list(effort))


def stamped(kind, frame="base", **paths):
    message = kind()
    message.header.frame_id = frame
    for path, value in paths.items():
        *parents, last = path.split("__")
        place = message
        for name in parents:
            place = getattr(place, name)
        setattr(place, last, value)
    return message


JOINTS = "sensor_msgs/msg/JointState"
WRENCH = "geometry_msgs/msg/WrenchStamped"
POSE, TWIST = "geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/TwistStamped"
IMU, RANGE = "sensor_msgs/msg/Imu", "sensor_msgs/msg/Range"
FLOATS = "std_msgs/msg/Float32MultiArray"
QUARTER = np.sqrt(0.5)
TURNED = {"pose__orientation__z": QUARTER, "pose__orientation__w": QUARTER}
NOT_MEASURED = np.array([-1.0] + [0.0] * 8)
FRAMED = {"frame_id": "base"}

NUMBERS = [
    ("joints by name", numbers(JOINTS, ["position.a", "position.b"], 2), joints(), [1.0, 2.0]),
    ("joints in another order", numbers(JOINTS, ["position.c", "position.a"], 2), joints("cab", (7, 8, 9)), [7.0, 8.0]),
    ("extra joints of a head", numbers(JOINTS, ["position.b"], 1), joints("xbyz", (4, 5, 6, 7)), [5.0]),
    ("a joint whose name has dots", numbers(JOINTS, ["position.arm.0"], 1), joints(["arm.0"], [0.5]), [0.5]),
    ("efforts", numbers(JOINTS, ["effort.a"], 1), joints(effort=(3.0, 0, 0)), [3.0]),
    ("positions where velocity is empty", numbers(JOINTS, ["position.c"], 1), joints(velocity=()), [3.0]),
    (
        "an empty velocity that is read",
        numbers(JOINTS, ["velocity.a"], 1),
        joints(),
        "3 names but 0 values of velocity",
    ),
    ("fewer positions than names", numbers(JOINTS, ["position.a"], 1), joints(position=(1.0,)), "3 names but 1 values"),
    ("a doubled joint", numbers(JOINTS, ["position.a"], 1), joints("aab"), "a joint name is doubled"),
    ("a missing joint", numbers(JOINTS, ["position.a", "position.z"], 2), joints(), "no position of z"),
    ("another device's joints", numbers(JOINTS, ["position.z"], 1), joints(), "no z among a, b, c"),
    (
        "a joint that is NaN",
        numbers(JOINTS, ["position.b"], 1),
        joints(position=(1, np.nan, 3)),
        "not finite: position.b",
    ),
    ("NaN in a joint that nobody reads", numbers(JOINTS, ["position.a"], 1), joints(position=(1, np.nan, 3)), [1.0]),
    (
        "a driver in degrees",
        numbers(JOINTS, ["position.a"], 1, apply=[{"kind": "radians"}]),
        joints(position=(180, 0, 0)),
        [np.pi],
    ),
    (
        "a gripper in percent, closed at 100",
        numbers(JOINTS, ["position.a"], 1, apply=[{"kind": "scale", "by": -0.00085}, {"kind": "offset", "by": 0.085}]),
        joints(position=(100, 0, 0)),
        [0.0],
    ),
    (
        "a force in the sensor's frame",
        numbers(WRENCH, ["wrench.force", "wrench.torque.z"], 4, **FRAMED),
        stamped(WrenchStamped, wrench__force__x=1.0, wrench__force__z=-3.0, wrench__torque__z=0.5),
        [1.0, 0.0, -3.0, 0.5],
    ),
    (
        "a force in another frame",
        numbers(WRENCH, ["wrench.force"], 3, **FRAMED),
        stamped(WrenchStamped, frame="tool0"),
        "in frame 'tool0', expected 'base'",
    ),
    ("any frame", numbers(WRENCH, ["wrench.force.x"], 1, frame_id=None), stamped(WrenchStamped, frame="tool0"), [0.0]),
    (
        "a force with infinity",
        numbers(WRENCH, ["wrench.force"], 3, **FRAMED),
        stamped(WrenchStamped, wrench__force__y=float("inf")),
        "not finite: wrench.force",
    ),
    (
        "a pose with its angles",
        numbers(POSE, ["pose.position", "pose.orientation"], 6, rotation="euler", **FRAMED),
        stamped(PoseStamped, pose__position__x=0.1, **TURNED),
        [0.1, 0.0, 0.0, 0.0, 0.0, np.pi / 2],
    ),
    (
        "a pose in six numbers of rotation",
        numbers(POSE, ["pose.orientation"], 6, rotation="six_d", **FRAMED),
        stamped(PoseStamped, **TURNED),
        [0.0, 1.0, 0.0, -1.0, 0.0, 0.0],
    ),
    (
        "a quaternion of the other sign",
        numbers(POSE, ["pose.orientation"], 4, rotation="quaternion", **FRAMED),
        stamped(PoseStamped, pose__orientation__x=-1.0, pose__orientation__w=0.0),
        [1.0, 0.0, 0.0, 0.0],
    ),
    (
        "a pose whose quaternion is not set",
        numbers(POSE, ["pose.orientation"], 3, rotation="axis_angle", **FRAMED),
        stamped(PoseStamped, pose__orientation__w=0.0),
        "pose.orientation: a quaternion of length 0",
    ),
    (
        "a base's velocity",
        numbers(TWIST, ["twist.linear.x", "twist.angular.z"], 2, **FRAMED),
        stamped(TwistStamped, twist__linear__x=0.2, twist__angular__z=-0.4),
        [0.2, -0.4],
    ),
    (
        "an IMU",
        numbers(IMU, ["angular_velocity", "linear_acceleration.z"], 4, **FRAMED),
        stamped(Imu, angular_velocity__y=0.3, linear_acceleration__z=9.8),
        [0.0, 0.3, 0.0, 9.8],
    ),
    (
        "an IMU that measures no orientation",
        numbers(IMU, ["orientation"], 4, rotation="quaternion", **FRAMED),
        stamped(Imu, orientation_covariance=NOT_MEASURED),
        "this sensor does not measure orientation",
    ),
    (
        "the rest of that IMU",
        numbers(IMU, ["angular_velocity.x"], 1, **FRAMED),
        stamped(Imu, orientation_covariance=NOT_MEASURED, angular_velocity__x=1.0),
        [1.0],
    ),
    ("a distance", numbers(RANGE, ["range"], 1), Range(range=0.5, min_range=0.1, max_range=2.0), [0.5]),
    ("nothing in range", numbers(RANGE, ["range"], 1), Range(range=np.inf, min_range=0.1, max_range=2.0), [2.0]),
    ("too near", numbers(RANGE, ["range"], 1), Range(range=-np.inf, min_range=0.1, max_range=2.0), [0.1]),
    ("a distance that is NaN", numbers(RANGE, ["range"], 1), Range(range=np.nan, max_range=2.0), "not finite: range"),
    ("a sensor without its range", numbers(RANGE, ["range"], 1), Range(range=0.5), "min_range 0 is not below"),
    ("a Float32", numbers("std_msgs/msg/Float32", ["data"], 1), Float32(data=0.25), [0.25]),
    ("a Float64", numbers("std_msgs/msg/Float64", ["data"], 1), Float64(data=-2.5), [-2.5]),
    ("a Float64 beyond float32", numbers("std_msgs/msg/Float64", ["data"], 1), Float64(data=1e300), "not finite after"),
    ("a list", numbers(FLOATS, ["data"], 3), Float32MultiArray(data=[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
    (
        "a list that is longer",
        numbers(FLOATS, ["data"], 2),
        Float32MultiArray(data=[1.0, 2.0, 3.0]),
        "3 values, expected 2",
    ),
    ("an empty list", numbers(FLOATS, ["data"], 2), Float32MultiArray(), "0 values, expected 2"),
    ("places of a list", numbers(FLOATS, ["data.2", "data.0"], 2), Float32MultiArray(data=[1.0, 2.0, 3.0]), [3.0, 1.0]),
    ("a place that is not there", numbers(FLOATS, ["data.5"], 1), Float32MultiArray(data=[1.0]), "there is no data.5"),
    (
        "a list of doubles",
        numbers("std_msgs/msg/Float64MultiArray", ["data"], 2),
        Float64MultiArray(data=[0.5, 1.5]),
        [0.5, 1.5],
    ),
    ("a switch", numbers("std_msgs/msg/Bool", ["data"], 1), Bool(data=True), [1.0]),
]


@pytest.mark.parametrize("case", NUMBERS, ids=[case[0] for case in NUMBERS])
def test_numbers_are_right_or_refused(case):
    _, channel, message, wanted = case
    reader = ChannelReader(channel)
    if isinstance(wanted, str):
        with pytest.raises(Refused) as refusal:
            reader.value(message)
        assert wanted in str(refusal.value) and "\n" not in str(refusal.value)
        assert isinstance(refusal.value, OtherDevice) == ("another device" in case[0])
    else:
        value = reader.value(message)
        assert value.dtype == np.float32 and value.shape == channel.shape
        np.testing.assert_allclose(value, wanted, atol=1e-6)


def test_a_discrete_value_is_a_whole_number_of_its_range():
    base = {
        "kind": "discrete",
        "topic": "t",
        "quality": "sensor",
        "timeline": "receipt",
        "align": "hold",
        "max_age_s": 1.0,
    }
    switch = ChannelReader(DiscreteChannel(**base, type="std_msgs/msg/Bool", fields=["data"], values=2))
    mode = ChannelReader(DiscreteChannel(**base, type="std_msgs/msg/Float32", fields=["data"], values=4))
    assert switch.value(Bool(data=True)).tolist() == [1.0] and mode.value(Float32(data=3.0)).tolist() == [3.0]
    for wrong in (4.0, -1.0, 0.5):
        with pytest.raises(Refused, match="a whole number from 0 to 3"):
            mode.value(Float32(data=wrong))


def text_channel(**changes):
    return TextChannel.model_validate(
        {
            "kind": "text",
            "topic": "task",
            "type": "std_msgs/msg/String",
            "quality": "transient_local",
            "timeline": "receipt",
            "align": "hold",
            "max_age_s": None,
            "size_bytes": 16,
            "tokens": 4,
            **changes,
        }
    )


@pytest.mark.parametrize(
    "said, refused", [("stack red", ""), ("x" * 17, "17 bytes"), ("  ", "an empty text"), ("", "an empty text")]
)
def test_a_task_from_a_topic_is_a_text_or_refused(said, refused):
    reader = ChannelReader(text_channel())
    if refused:
        with pytest.raises(Refused, match=refused):
            reader.value(String(data=said))
    else:
        assert text_from_value(reader.value(String(data=said))) == said


# --- transforms ---


def transforms(*rows):
    class Message:
        transforms = [_transform(*row) for row in rows]

    return Message()


def _transform(parent, child, x=0.0, yaw=0.0, stamp_s=0):
    one = TransformStamped(child_frame_id=child)
    one.header.frame_id, one.header.stamp.sec = parent, stamp_s
    one.transform.translation.x = x
    one.transform.rotation.z, one.transform.rotation.w = float(np.sin(yaw / 2)), float(np.cos(yaw / 2))
    return one


LOOKUP = ContinuousChannel.model_validate(
    {
        "kind": "continuous",
        "transform": {"frame": "cup", "in": "base"},
        "fields": ["position", "rotation"],
        "rotation": "euler",
        "align": "nearest",
        "max_age_s": 0.2,
        "units": ["1"] * 6,
        "lower": [-9.0] * 6,
        "upper": [9.0] * 6,
    }
)


def test_a_transform_is_looked_up_along_its_chain():
    lookup, reader = TransformLookup("cup", "base"), ChannelReader(LOOKUP)
    assert lookup.take(transforms(("world", "base", 1.0)), static=True) is None and "no frame 'cup'" in lookup.why_not()
    assert lookup.take(transforms(("camera", "cup", 0.5, 0.0, 7)), static=False) is None
    assert "no chain of transforms from 'cup' to 'base'" in lookup.why_not()
    looked = lookup.take(transforms(("world", "camera", 3.0, np.pi / 2, 9), ("x", "y")), static=False)
    assert looked.stamp_s == 7.0, "as old as its oldest part"
    np.testing.assert_allclose(reader.value(looked), [2.0, 0.5, 0.0, 0.0, 0.0, np.pi / 2], atol=1e-6)
    assert lookup.take(transforms(("x", "y", 1.0)), static=False) is None, "it is not concerned"


def test_static_transforms_alone_never_get_old():
    lookup = TransformLookup("cup", "base")
    assert lookup.take(transforms(("base", "cup", 0.25)), static=True).stamp_s == np.inf


def test_transforms_that_mean_nothing_are_refused():
    lookup = TransformLookup("cup", "base")
    broken = _transform("base", "cup")
    broken.transform.rotation.w = 0.0
    message = transforms()
    message.transforms = [broken]
    with pytest.raises(Refused, match="cup: a quaternion of length 0"):
        lookup.take(message, static=False)
    with pytest.raises(Refused, match="form a ring"):
        lookup.take(transforms(("cup", "tray"), ("tray", "cup")), static=False)


# --- contracts ---


def extended(tmp_path, observations=None, **changes):
    path = tmp_path / "robot.yaml"
    content = {"extends": "sawyer_rgb_stacking", "schema": 2, "name": "robot", "observations": observations or {}}
    path.write_text(yaml_of({**content, **changes}))
    return load_embodiment(path)


def force(**changes):
    content = {
        "kind": "continuous",
        "topic": "ft",
        "type": WRENCH,
        "fields": ["wrench.force"],
        "frame_id": "ft",
        "quality": "sensor",
        "timeline": "header",
        "align": "newest_before",
        "max_age_s": 0.1,
        "units": ["N"] * 3,
        "lower": [-500.0] * 3,
        "upper": [500.0] * 3,
        **changes,
    }
    return {key: value for key, value in content.items() if value != "left out"}


CONTRACTS = [
    ("an unknown message type", {"type": "sensor_msgs/msg/LaserScan"}, "a message type that can be read in {"),
    ("an unknown field", {"fields": ["wrench.forces"]}, "did you mean 'wrench.force"),
    ("a field of another type", {"fields": ["position.a"]}, "a field of geometry_msgs/msg/WrenchStamped"),
    ("sizes that differ", {"fields": ["wrench.force", "wrench.torque"]}, "6 values, and the channel has 3"),
    (
        "a header that there is not",
        {"type": "std_msgs/msg/Float32MultiArray", "fields": ["data"]},
        "its timeline is receipt",
    ),
    ("no frame stated", {"frame_id": "left out"}, "needs a frame_id"),
    ("no alignment stated", {"align": "left out"}, "align is missing"),
    ("no quality stated", {"quality": "left out"}, "quality is missing"),
    ("no age stated", {"max_age_s": "left out"}, "max_age_s is missing"),
    ("an alignment that there is not", {"align": "latest"}, "align"),
    ("never too old, and matched by time", {"max_age_s": None}, "goes with align: hold alone"),
    ("a rotation nobody asked for", {"rotation": "euler"}, "rotation (quaternion, euler, axis_angle, six_d)"),
    (
        "a rotation that is not stated",
        {"type": POSE, "fields": ["pose.orientation"]},
        "rotation (quaternion, euler, axis_angle, six_d) is stated where a field is a rotation",
    ),
    (
        "a part of a rotation",
        {"type": POSE, "fields": ["pose.orientation.x"]},
        "expected a rotation of geometry_msgs/msg/PoseStamped as a whole",
    ),
    ("two origins", {"transform": {"frame": "a", "in": "b"}}, "got topic and transform"),
    ("no origin", {"topic": "left out"}, "one of source, topic, transform says where it comes from, got none"),
    ("a text as numbers", {"type": "std_msgs/msg/String", "fields": ["data"]}, "gives text"),
    ("a factor for two of three", {"apply": [{"kind": "scale", "by": [1.0, 2.0]}]}, "2 numbers for 3 values"),
    ("a factor of zero", {"apply": [{"kind": "scale", "by": 0.0}]}, "no inverse"),
    ("an operator that there is not", {"apply": [{"kind": "round"}]}, "round"),
]


@pytest.mark.parametrize("case", CONTRACTS, ids=[case[0] for case in CONTRACTS])
def test_a_contract_that_cannot_be_meant_is_refused(case, tmp_path):
    _, changes, said = case
    with pytest.raises(SetupError) as refusal:
        extended(tmp_path, {"arm/force": force(**changes)})
    assert said in str(refusal.value) and "arm/force" in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_error_for_an_unknown_type_lists_what_there_is(tmp_path):
    with pytest.raises(SetupError) as refusal:
        extended(tmp_path, {"arm/force": force(type="sensor_msgs/msg/LaserScan")})
    assert all(kind in str(refusal.value) for kind in DECODERS)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"height": 160}, "the model would see 16x160 pixels of 48x32"),
        ({"camera": {"rotate_deg": 90}, "height": 48, "width": 48}, "of 32x48"),
        ({"camera": {"crop": {"left": 40, "top": 0, "width": 16, "height": 16}}}, "reaches beyond 48x32"),
        ({"camera": {"depth_m": [2.0, 1.0]}}, "nearest below farthest"),
        ({"camera": {"rotate_deg": 45}}, "rotate_deg"),
        ({"type": "sensor_msgs/msg/PointCloud2"}, "type"),
        ({"max_age_s": None}, "max_age_s"),
    ],
)
def test_a_camera_that_cannot_be_meant_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        camera(**changes)


# --- clocks and rates, by the assembler that makes observations ---

PACE_S, NOW_S = 0.05, 100.0


def assembler(tmp_path, **changes):
    eye = {"height": 16, "width": 16, "camera": {"height": 16, "width": 16}, **changes.pop("eye", {})}
    observations = {"basket_front_left/pixels": eye, "arm/force": force(**changes)}
    keys = ("basket_front_left/pixels", "arm/force")
    return ObservationAssembler(extended(tmp_path, observations), keys, 0.05)


def offer(made, name, stamp_s, received_s=NOW_S):
    value = PICTURE[:16, :16] if name.endswith("pixels") else np.full(3, stamp_s, np.float32)
    made.offer(name, Sample(value, stamp_s, received_s))


# name, channel, stamps of pictures, stamps of forces, the force's stamp in the observation or a fault
CLOCKS = [
    ("a sensor of 1000 Hz", {}, [NOW_S - 0.03], np.arange(NOW_S - 1.0, NOW_S, 0.001), NOW_S - 0.03),
    ("a camera that is late by 90 ms", {}, [NOW_S - 0.09], np.arange(NOW_S - 1.0, NOW_S, 0.001), NOW_S - 0.09),
    ("a sensor slower than control", {}, [NOW_S - 0.01], [NOW_S - 0.15, NOW_S - 0.08], NOW_S - 0.08),
    ("a sensor's clock that is ahead", {}, [NOW_S], [NOW_S + 3.0], "future_stamp arm/force"),
    ("a sensor's clock of another era", {}, [NOW_S], [3.0], "stale arm/force"),
    ("messages without a stamp", {}, [NOW_S], [0.0], "stale arm/force"),
    ("nothing of it", {}, [NOW_S], [], "missing arm/force"),
    ("only after the picture", {}, [NOW_S - 0.06], [NOW_S - 0.02], "no_match arm/force"),
    ("after the picture, held", {"align": "hold"}, [NOW_S - 0.06], [NOW_S - 0.02], NOW_S - 0.02),
    ("after the picture, nearest", {"align": "nearest"}, [NOW_S - 0.06], [NOW_S - 0.1, NOW_S - 0.05], NOW_S - 0.05),
    ("a period before, dropped", {"align": "drop"}, [NOW_S - 0.01], [NOW_S - 0.08], "no_match arm/force"),
    ("within the period, kept", {"align": "drop"}, [NOW_S - 0.01], [NOW_S - 0.04], NOW_S - 0.04),
    ("said once, long ago", {"align": "hold", "max_age_s": None}, [NOW_S], [5.0], 5.0),
    ("stamps that stand still", {}, [NOW_S], [NOW_S - 0.02, NOW_S - 0.02], NOW_S - 0.02),
]


@pytest.mark.parametrize("case", CLOCKS, ids=[case[0] for case in CLOCKS])
def test_clocks_and_rates_give_the_right_message_or_a_fault(case, tmp_path):
    _, changes, pictures, forces, wanted = case
    made = assembler(tmp_path, **changes)
    for stamp_s in pictures:
        offer(made, "basket_front_left/pixels", stamp_s)
    for stamp_s in forces:
        offer(made, "arm/force", float(stamp_s))
    observation, faults = made.observe(Instant(NOW_S, NOW_S))
    if isinstance(wanted, str):
        assert observation is None and wanted in faults
    else:
        assert faults == () and made.sources()["arm/force"] == pytest.approx(wanted, abs=1.1e-3)
        assert observation.values["arm/force"][0] == pytest.approx(wanted, abs=1.2e-3)


@pytest.mark.parametrize("rate_hz", [10, 20, 30, 60, 90])
def test_cameras_of_any_rate_give_a_fresh_picture_at_every_tick(rate_hz, tmp_path):
    """Above the control rate the newest counts; below it a picture counts again until it is too old."""
    made, sent, times = assembler(tmp_path), 0, []
    for tick in range(40):
        now_s = NOW_S + tick * PACE_S
        while sent / rate_hz <= tick * PACE_S + 1e-9:
            stamp_s = NOW_S + sent / rate_hz
            offer(made, "basket_front_left/pixels", stamp_s, stamp_s)
            offer(made, "arm/force", stamp_s, stamp_s)
            sent += 1
        observation, faults = made.observe(Instant(now_s, now_s))
        assert faults == () and observation is not None
        times.append(now_s - observation.stamp_s)
    assert max(times) < 1.0 / rate_hz + 1e-6


def test_what_was_said_once_outlasts_an_episode(tmp_path):
    made = assembler(tmp_path, align="hold", max_age_s=None)
    offer(made, "arm/force", 5.0)
    made.clear()
    offer(made, "basket_front_left/pixels", NOW_S)
    assert made.faults(Instant(NOW_S, NOW_S)) == () and made.outlasts("arm/force")
    made.clear(everything=True)
    assert "missing arm/force" in made.faults(Instant(NOW_S, NOW_S))


# --- quality of service, as DDS judges it ---


@pytest.mark.parametrize(
    "offered, asked, said",
    [
        (CAMERA, "sensor", ""),
        (STATE_OUT, "sensor", ""),
        (STATE_OUT, "reliable", ""),
        (CAMERA, "reliable", "best effort is offered"),
        (STATE_OUT, "transient_local", "durability volatile is offered"),
        (CAMERA, "transient_local", "best effort is offered"),
        (of_contract("transient_local", 1), "transient_local", ""),
        (of_contract("transient_local", 1), "sensor", ""),
    ],
)
def test_a_quality_that_does_not_fit_is_named(offered, asked, said):
    assert clash(quality_of(offered), quality_of(of_contract(asked, 10))).startswith(said)
    assert bool(clash(quality_of(offered), quality_of(of_contract(asked, 10)))) == bool(said)


def test_the_table_has_sixty_cases():
    assert len(PICTURES) + len(NUMBERS) + len(CONTRACTS) + len(CLOCKS) >= 60
