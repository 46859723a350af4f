"""Observations with topics of their own: recorded step by step, and received over DDS."""

import time

import cv2
import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import WrenchStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import String

from gato_ros.core.text import text_from_value
from gato_ros.core.timing.freshness import Sample
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.embodiments.preflight.judge import for_recording, judge
from gato_ros.embodiments.yaml_file import yaml_of
from gato_ros.nodes.messages.clocks import instant
from gato_ros.nodes.messages.image import jpeg_from_rgb
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.policy.sensor_subscriptions import SensorSubscriptions
from gato_ros.nodes.preflight.gate import Preflight
from gato_ros.nodes.recorder.raw_topics import recorded
from gato_ros.nodes.runtime.qos import CAMERA, STATE_OUT, of_contract
from tests.ros.test_recorder_steps import Wire

LEFT, RIGHT = "basket_front_left/pixels", "basket_front_right/pixels"
ALIGNED = {"timeline": "header", "align": "newest_before", "max_age_s": 0.2}
VECTOR = {"units": ["N"] * 3, "lower": [-99.0] * 3, "upper": [99.0] * 3}
PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8), (0, 0), 3)
OBSERVATIONS = {
    LEFT: {
        "topic": "camera/left/compressed",
        "type": "sensor_msgs/msg/CompressedImage",
        "frame_id": "left_eye",
        "camera": {"width": 640, "height": 480, "crop": {"left": 80, "top": 0, "width": 480, "height": 480}},
    },
    "arm/force": {
        "kind": "continuous",
        "topic": "ft/wrench",
        "type": "geometry_msgs/msg/WrenchStamped",
        "frame_id": "ft",
        "fields": ["wrench.force"],
        "quality": "reliable",
        **ALIGNED,
        **VECTOR,
    },
    "elbow/effort": {
        "kind": "continuous",
        "topic": "joint_states",
        "type": "sensor_msgs/msg/JointState",
        "fields": ["effort.right_j3"],
        "quality": "sensor",
        **ALIGNED,
        **{name: values[:1] for name, values in VECTOR.items()},
    },
    "task/text": {
        "kind": "text",
        "topic": "task",
        "type": "std_msgs/msg/String",
        "quality": "transient_local",
        "timeline": "receipt",
        "align": "hold",
        "max_age_s": None,
        "size_bytes": 32,
        "tokens": 8,
    },
}
RECORDED = {"camera/left/info": {"type": "sensor_msgs/msg/CameraInfo", "quality": "reliable"}}


@pytest.fixture(scope="module")
def robot(tmp_path_factory):
    path = tmp_path_factory.mktemp("contract") / "robot.yaml"
    content = {"extends": "sawyer_rgb_stacking", "schema": 2, "name": "robot", "observations": OBSERVATIONS}
    path.write_text(yaml_of({**content, "recorded": RECORDED}))
    return load_embodiment(path)


def wrench(x: float, stamp: Time, frame_id: str = "ft") -> WrenchStamped:
    message = WrenchStamped()
    message.header.frame_id, message.header.stamp, message.wrench.force.x = frame_id, stamp, x
    return message


def test_everything_is_subscribed_to_once_with_the_stated_quality(robot):
    found = {
        topic: (role, key, kind.__name__, quality.reliability.name)
        for role, key, topic, kind, quality in recorded(robot)
    }
    assert found["camera/left/compressed"] == ("image", LEFT, "CompressedImage", "BEST_EFFORT")
    assert found["ft/wrench"] == ("channel", "arm/force", "WrenchStamped", "RELIABLE")
    assert found["task"][0] == "channel" and found["joint_states"][0] == "joints"
    assert found["camera/left/info"] == ("recorded", "", "CameraInfo", "RELIABLE")
    assert len(recorded(robot)) == len(found), "no topic twice: it would be in the file twice"


def sensed(wire: Wire, tick: int, force: float, picture=PICTURE) -> None:
    at_s = 0.05 * tick
    # Of three forces the second is the newest that is not after the picture.
    for x, offset_s in ((-1.0, -0.03), (force, -0.01), (-2.0, 0.02)):
        wire.send("channel", wrench(x, wire.stamp(at_s + offset_s)), at_s, "arm/force")
    joints = JointState(name=wire.robot.arm.joints, position=[0.0] * 7, velocity=[0.0] * 7)
    joints.effort, joints.header.stamp = [float(10 * tick + i) for i in range(7)], wire.stamp(at_s - 0.002)
    wire.send("joints", joints, at_s)
    gripper = JointState(name=[wire.robot.gripper.joint], position=[0.04], effort=[0.0])
    gripper.header.stamp = wire.stamp(at_s)
    wire.send("gripper", gripper, at_s)
    jpeg = jpeg_from_rgb(picture, "left_eye")
    jpeg.header.stamp = wire.stamp(at_s)
    wire.send("image", jpeg, at_s, LEFT)
    wire.picture(RIGHT, 100, at_s)


def test_a_step_holds_what_belongs_to_its_picture(robot):
    wire = Wire(robot)
    wire.send("channel", String(data="stack red"), 0.0, "task/text")
    for tick in range(4):
        sensed(wire, tick, force=float(tick))
    steps = [*wire.steps, wire.maker.finish()]
    assert len(steps) == 4 and not wire.maker.refused
    values = [step.observation.values for step in steps]
    assert [one["arm/force"][0] for one in values] == [0.0, 1.0, 2.0, 3.0]
    assert [one["elbow/effort"][0] for one in values] == [3.0, 13.0, 23.0, 33.0]
    assert {text_from_value(one["task/text"]) for one in values} == {"stack red"}
    assert np.array_equal(
        values[0][LEFT], PictureReader(robot.cameras[LEFT]).picture(jpeg_from_rgb(PICTURE, "left_eye"))
    )
    assert all(step.tick["faults"] == [] for step in steps)
    # The next episode still knows what was said once; the rest has to come anew.
    wire.maker.begin("", 2000.0)
    assert "task" not in wire.maker.why_no_step() and "ft/wrench: no message came" in wire.maker.why_no_step()


def test_what_does_not_fit_keeps_steps_away_and_is_named(robot):
    wire = Wire(robot)
    for tick in range(3):
        sensed(wire, tick, force=1.0, picture=PICTURE[:, :320])
        wire.send("channel", wrench(0.0, wire.stamp(0.05 * tick + 0.03), "tool0"), 0.05 * tick, "arm/force")
    assert wire.maker.finish() is None
    assert wire.maker.refused == {"image": 3, "channel": 3}
    assert "320x480 pixels, expected 640x480" in wire.maker.why_no_step()
    assert (
        wire.maker.why["channel"] == "in frame 'tool0', expected 'ft'"
        and "task: no message came" in wire.maker.why_no_step()
    )


@pytest.fixture
def nodes():
    """A robot's node and a listener's, in one executor of their own."""
    context = Context()
    rclpy.init(context=context)
    pair = [rclpy.create_node(name, namespace="robot", context=context) for name in ("driver", "listener")]
    executor = SingleThreadedExecutor(context=context)
    for node in pair:
        executor.add_node(node)

    def spin_until(done, limit_s=20.0):
        end_s = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < end_s, "nothing came"
            executor.spin_once(timeout_sec=0.01)

    yield *pair, spin_until
    for node in pair:
        node.destroy_node()
    rclpy.shutdown(context=context)


def test_a_jpeg_a_force_and_a_task_said_before_arrive_over_dds(robot, nodes):
    driver, listener, spin_until = nodes
    task = driver.create_publisher(String, "task", of_contract("transient_local", 1))
    task.publish(String(data="stack red"))  # before anybody listens
    keys = (LEFT, "arm/force", "task/text")
    assembler, failed = ObservationAssembler(robot, keys, 0.05), []

    def offer(name, value, stamp_s):
        now = instant(listener)
        assembler.offer(name, Sample(value, now.clock_s if stamp_s is None else stamp_s, now.steady_s))

    sensors = SensorSubscriptions(listener, robot, assembler, offer, failed.append)
    camera = driver.create_publisher(type(jpeg_from_rgb(PICTURE, "")), "camera/left/compressed", CAMERA)
    force = driver.create_publisher(WrenchStamped, "ft/wrench", STATE_OUT)
    sent = jpeg_from_rgb(PICTURE, "left_eye")

    def publish():
        force.publish(wrench(4.0, driver.get_clock().now().to_msg()))
        sent.header.stamp = driver.get_clock().now().to_msg()
        camera.publish(sent)

    driver.create_timer(0.033, publish)
    observed = []

    def done():
        observation, _ = assembler.observe(instant(listener))
        observed.append(observation)
        return observation is not None

    spin_until(done)
    values = observed[-1].values
    assert values["arm/force"].tolist() == [4.0, 0.0, 0.0] and text_from_value(values["task/text"]) == "stack red"
    assert np.array_equal(values[LEFT], PictureReader(robot.cameras[LEFT]).picture(sent))
    assert sensors.refused == 0 and not failed and not sensors.silent()
    sent.header.frame_id = "right_eye"
    spin_until(lambda: failed)
    assert "frame 'right_eye', expected 'left_eye': are two cameras swapped?" in failed[0]


def test_a_publisher_whose_quality_does_not_fit_is_named(robot, nodes):
    """By the policy's node, by the doctor and by the recorder; and a topic that is only recorded, too."""
    driver, listener, spin_until = nodes
    force = driver.create_publisher(WrenchStamped, "ft/wrench", CAMERA)
    driver.create_publisher(CameraInfo, "camera/left/info", CAMERA)
    assembler = ObservationAssembler(robot, ("arm/force",), 0.05)
    sensors = SensorSubscriptions(listener, robot, assembler, lambda *one: None, lambda why: None)
    driver.create_timer(0.02, lambda: force.publish(wrench(0.0, driver.get_clock().now().to_msg())))
    spin_until(sensors.silent)
    assert sensors.silent() == (
        "ft/wrench has a publisher, but /robot/driver does not fit: best effort is offered, reliable requested",
    )
    collector = Preflight(listener, robot, "doctor")
    seen = collector.snapshot()
    collector.close()
    words = "offers best effort, and the contract states quality: reliable, so nothing arrives"
    for rows, unusable in ((judge(robot, seen, ["robot"]), True), (for_recording(robot, seen), True)):
        of_force = [row for row in rows if row.what == "ft/wrench: quality of service" and words in row.found]
        assert [row.level for row in of_force] == ["red"] and of_force[0].unusable is unusable
        assert [
            row.level for row in rows if row.what.startswith("camera/left/info: quality") and words in row.found
        ] == ["yellow"]


def test_a_type_that_is_not_installed_is_named(robot):
    from gato_ros.core.errors import SetupError
    from gato_ros.nodes.messages.types import message_class

    with pytest.raises(SetupError, match="the message nowhere_msgs/msg/Thing"):
        message_class("nowhere_msgs/msg/Thing")
    assert message_class("sensor_msgs/msg/JointState") is JointState


def test_a_camera_with_an_absolute_topic_keeps_its_messages_and_the_steps_apart(tmp_path):
    """JPEG as it came and the picture that the policy saw: two types cannot share a channel of a file."""
    from gato_ros.core.arm_action import ArmAction
    from gato_ros.core.observation import Observation
    from gato_ros.data.episodes.episode import EpisodeWriter, read_episode

    eye = {**OBSERVATIONS[LEFT], "topic": "/eye/compressed"}
    path = tmp_path / "robot.yaml"
    path.write_text(
        yaml_of({"extends": "sawyer_rgb_stacking", "schema": 2, "name": "robot", "observations": {LEFT: eye}})
    )
    robot, sent = load_embodiment(path), jpeg_from_rgb(PICTURE, "left_eye")
    seen = PictureReader(robot.cameras[LEFT]).picture(sent)
    values = {
        key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
        for key, channel in robot.observations.items()
    }
    still = ArmAction(np.zeros(4), 0.0)
    with EpisodeWriter(tmp_path, "one", robot, {}) as writer:
        writer.add_raw(
            "/eye/compressed", robot.cameras[LEFT].type, serialize_message(sent), 1, 0, {"of": "image", "key": LEFT}
        )
        writer.add(0, Observation({**values, LEFT: seen}), still, still)
        file = writer.close({})
    assert np.array_equal(read_episode(file).values[LEFT][0], seen)
