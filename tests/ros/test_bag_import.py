"""Bags of plain `ros2 bag record` become episodes of what the live loop would have seen. No node runs."""

import json
import shutil

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import JointState

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.command_source import command_sources
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.imports.mapping import ImportMapping
from gato_ros.data.messages import image as image_bytes
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.bags.commands import Command
from gato_ros.nodes.bags.import_bags import check_for_bags, import_bags
from tests.ros.still_robot import ANGLES

ROBOT = load_embodiment()
WIRE = ROBOT.wire
SECONDS = 4.0


def stamped(message, at_s):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(round(at_s * 1e9), 10**9)
    return message


def joints_at(t):
    return np.array(ANGLES) + [0.02 * t, 0, 0, 0, 0, 0, 0]


def picture(t):
    shade = int(40 * t)
    return np.random.default_rng(int(round(t * 20))).integers(shade, shade + 60, (128, 128, 3), dtype=np.uint8)


def scene(clock_s=0.0, silent=(), spoil=lambda topic, message: message):
    """(topic, type, time of receipt [s], message as bytes), in the order of receipt. Stamps are `clock_s` off."""
    found = []

    def say(topic, kind, t, message, late_s):
        message = spoil(topic, stamped(message, 1000.0 + t + clock_s) if not isinstance(message, bytes) else message)
        if message is None or any(name in topic and begin <= t < end for name, begin, end in silent):
            return
        data = message if isinstance(message, bytes) else serialize_message(message)
        found.append((f"/sawyer/{topic}", kind, 1000.0 + t + late_s, data))

    for i in range(int(100 * SECONDS)):
        t = i / 100
        arm = JointState(
            name=["head", *ROBOT.arm.joints], position=[0.0, *joints_at(t)], velocity=[0.0, 0.02, *[0.0] * 6]
        )
        say(WIRE.joint_states.topic, "sensor_msgs/msg/JointState", t, arm, 0.001)
        opening = JointState(name=[ROBOT.gripper.joint], position=[0.01 + 0.01 * t], effort=[0.0])
        say(WIRE.gripper_states.topic, "sensor_msgs/msg/JointState", t, opening, 0.001)
    for i in range(int(20 * SECONDS)):
        t = i / 20
        for camera in ROBOT.cameras.values():
            data = bytes(image_bytes(picture(t), round((1000.0 + t + clock_s) * 1e9), camera.frame_id))
            say(camera.topic, "sensor_msgs/msg/Image", t, data, 0.010)
        twist = TwistStamped()
        twist.twist.linear.x, twist.twist.angular.z = 0.01 * t, 0.1
        say(WIRE.human_twist, "geometry_msgs/msg/TwistStamped", t, twist, 0.002)
        wanted = JointState(name=[ROBOT.gripper.joint], position=[0.085 * (t > 2)])
        say(WIRE.human_gripper, "sensor_msgs/msg/JointState", t, wanted, 0.002)
    return sorted(found, key=lambda one: one[2])


def bag(path, messages, storage=StoragePlugin.MCAP):
    store, connections = get_typestore(Stores.ROS2_JAZZY), {}
    with Writer(path, version=9, storage_plugin=storage) as writer:
        for topic, kind, at_s, data in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], round(at_s * 1e9), data)
    return path


MAPPING = ImportMapping.model_validate(
    {
        "action": {
            "twist": {"from": "human/twist", "scale": 1.5},
            "gripper": {"from": "human/gripper", "index": [f"position.{ROBOT.gripper.joint}"]},
        },
        "task": "lift",
        "success": True,
    }
)


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("clock_s", [0.0, -950.0])
def test_a_bag_is_what_the_loop_would_have_seen(tmp_path, storage, clock_s):
    """Also where stamps are of another clock than the bag's: simulated time."""
    bag(tmp_path / "bags/one", scene(clock_s), storage)
    found = import_bags(tmp_path / "bags", ROBOT, None, tmp_path / "in", task="lift")
    assert (found.episodes, found.there, found.left_out) == (1, 0, {})
    (path,) = episode_paths(tmp_path / "in")
    episode = read_episode(path)
    assert 75 <= len(episode.steps) == found.steps <= 80 and set(command_sources(episode)) == {"human"}
    np.testing.assert_allclose(np.diff(episode.stamps_s), 0.05, atol=0.051)
    kinematics = Kinematics(ROBOT)
    for row in range(0, len(episode.steps), 7):
        t = episode.stamps_s[row] - 1000.0 - clock_s
        np.testing.assert_array_equal(episode.values[ROBOT.image_keys[0]][row], picture(round(20 * t) / 20))
        # The state of the picture's instant, whatever came later.
        pose = episode.values["sawyer/pinch/pose"][row]
        assert np.abs(pose[:3] - kinematics.tool(joints_at(t)).position).max() < 0.001
        assert abs(episode.values["gripper/opening"][row, 0] - (0.01 + 0.01 * t)) < 0.0003
        assert abs(episode.actions[row, 0] - 0.01 * t) < 0.0012 and episode.actions[row, 3] == pytest.approx(0.1)
        if abs(t - 2) > 0.11:
            assert episode.actions[row, 4] == pytest.approx(0.085 * (t > 2))
    assert import_bags(tmp_path / "bags", ROBOT, None, tmp_path / "in", task="lift").there == 1


def test_a_gap_ends_an_episode_and_another_begins(tmp_path):
    """A camera that is away for half a second; no tick shows an old picture longer than the contract allows."""
    bag(tmp_path / "one", scene(silent=[(ROBOT.cameras[ROBOT.image_keys[1]].topic, 1.5, 2.0)]))
    found = import_bags(tmp_path / "one", ROBOT, MAPPING, tmp_path / "in")
    first, second = map(read_episode, episode_paths(tmp_path / "in"))
    assert found.episodes == 2 and first.outcome["success"] is True and first.metadata["task_text"] == "lift"
    assert first.stamps_s[-1] < 1001.5 + 0.01 and second.stamps_s[0] >= 1001.95
    assert first.actions[10, 0] == pytest.approx(1.5 * 0.01 * (first.stamps_s[10] - 1000), abs=0.0025)


def test_a_gap_in_the_first_second_loses_no_more_than_that(tmp_path):
    bag(tmp_path / "one", scene(silent=[(ROBOT.cameras[ROBOT.image_keys[1]].topic, 0.5, 0.9)]))
    assert import_bags(tmp_path / "one", ROBOT, MAPPING, tmp_path / "in").episodes == 1
    (path,) = episode_paths(tmp_path / "in")
    assert path.stem == "one-000" and read_episode(path).stamps_s[0] >= 1000.85


def test_a_twist_that_is_no_longer_published_stands(tmp_path):
    bag(tmp_path / "one", scene(silent=[(WIRE.human_twist, 1.0, 3.0)]))
    import_bags(tmp_path / "one", ROBOT, MAPPING, tmp_path / "in")
    episode = read_episode(episode_paths(tmp_path / "in")[0])
    t = episode.stamps_s - 1000.0
    assert (episode.actions[(t > 1.35) & (t < 2.95), :4] == 0).all()
    assert (episode.actions[(t > 3.1), 3] > 0.1).all()


def test_commands_that_are_not_finite_are_counted(tmp_path):
    def spoil(topic, message):
        if (
            topic == WIRE.human_twist
            and 1002.0 < message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec < 1002.18
        ):
            message.twist.linear.x = float("nan")
        return message

    bag(tmp_path / "one", scene(spoil=spoil))
    found = import_bags(tmp_path / "one", ROBOT, MAPPING, tmp_path / "in")
    assert found.episodes == 1
    assert found.skipped == {f"/sawyer/{WIRE.human_twist}: not finite: twist.linear.x": 3}


def test_a_fault_of_ours_is_not_a_damaged_bag(tmp_path, monkeypatch):
    bag(tmp_path / "one", scene())
    monkeypatch.setattr(Command, "_take", lambda self, message: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_bags(tmp_path / "one", ROBOT, MAPPING, tmp_path / "in")
    assert not episode_paths(tmp_path / "in") if (tmp_path / "in").is_dir() else True


def test_next_states_stand_for_commands(tmp_path):
    """The arm turns about its first joint: the twist is where the tool went."""
    bag(tmp_path / "one", [one for one in scene() if "/human/" not in one[0]])
    pose = {"from": "sawyer/pinch/pose", "index": [0, 1, 2, None], "of": "next_state"}
    mapping = ImportMapping.model_validate(
        {"action": {"twist": pose, "gripper": {"from": "gripper/opening", "of": "next_state"}}, "task": "turn"}
    )
    found = import_bags(tmp_path / "one", ROBOT, mapping, tmp_path / "in")
    episode = read_episode(episode_paths(tmp_path / "in")[0])
    assert found.episodes == 1
    speed = np.median(np.linalg.norm(episode.actions[:, :3], axis=1))
    reach = np.linalg.norm(Kinematics(ROBOT).tool(joints_at(0.0)).position[:2])
    assert speed == pytest.approx(0.02 * reach, rel=0.05)
    np.testing.assert_allclose(episode.actions[:-1, 4], episode.values["gripper/opening"][1:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"drop": "/human/"}, "no commands"),
        ({"drop": WIRE.joint_states.topic}, "joint_states"),
        ({"wrong_size": True}, "64x64 pixels"),
        ({"fast": True}, "vx_m_s out of the contract's range"),
    ],
)
def test_a_bag_that_cannot_be_used_says_why(tmp_path, change, reason):
    def spoil(topic, message):
        if change.get("wrong_size") and "image" in topic:
            return bytes(image_bytes(np.zeros((64, 64, 3), np.uint8), 10**12, "x"))
        if change.get("fast") and topic == WIRE.human_twist:
            message.twist.linear.x = 5.0
        return message

    messages = [one for one in scene(spoil=spoil) if change.get("drop", "nothing") not in one[0]]
    bag(tmp_path / "bags/one", messages)
    found = import_bags(tmp_path / "bags", ROBOT, None, tmp_path / "in", task="lift")
    assert not found.episodes and reason in " ".join(found.left_out)
    assert not episode_paths(tmp_path / "in") if (tmp_path / "in").is_dir() else True


def test_a_damaged_bag_leaves_the_others(tmp_path):
    bag(tmp_path / "bags/whole", scene())
    shutil.copytree(tmp_path / "bags/whole", tmp_path / "bags/cut")
    (file,) = (tmp_path / "bags/cut").glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found = import_bags(tmp_path / "bags", ROBOT, None, tmp_path / "in", task="lift")
    assert found.episodes == 1 and "cannot be read" in " ".join(found.left_out)


def test_what_is_no_bag_and_a_mapping_that_does_not_fit_are_refused(tmp_path):
    with pytest.raises(SetupError, match="metadata.yaml"):
        import_bags(tmp_path, ROBOT, None, tmp_path / "in", task="lift")
    with pytest.raises(SetupError, match="without `observations`"):
        observing = {"observations": {"gripper/opening": MAPPING.action.gripper}}
        check_for_bags(MAPPING.model_copy(update=observing), ROBOT)
    bag(tmp_path / "one", scene())
    wrong = {"twist": {"from": "human/twist", "index": ["twist.linear.x"]}, "gripper": {"from": "human/gripper"}}
    with pytest.raises(SetupError, match="4 fields"):
        import_bags(
            tmp_path / "one", ROBOT, ImportMapping.model_validate({"action": wrong, "task": "lift"}), tmp_path / "in"
        )


def test_the_verb_reads_a_bag(tmp_path, capsys):
    from gato_ros.cli import main

    bag(tmp_path / "one", scene())
    arguments = ["episodes", "import", str(tmp_path / "one"), "--format", "rosbag2", "--out", str(tmp_path / "in")]
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--embodiment", ROBOT.name])
    assert "no task: give one with --task" in capsys.readouterr().err
    told = ["--embodiment", "sawyer_rgb_stacking_told", "--task", "lift it"]
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, *told, "--json", str(tmp_path / "x.json")])
    episode = read_episode(episode_paths(tmp_path / "in")[0])
    assert bytes(episode.values["task/text"][0].astype(np.uint8)).rstrip(b"\0") == b"lift it"
    assert json.loads((tmp_path / "x.json").read_text())["episodes"] == 1
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "--embodiment" in capsys.readouterr().err
