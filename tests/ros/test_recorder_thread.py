"""The recorder's thread without DDS: bounded, in order, and never at an end because of one message."""

import time

import pytest

from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.episodes.recovery import partial_paths, recover_partial
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.nodes.recorder.episode import Outcome
from gato_ros.nodes.recorder.thread import Begin, End, RecorderThread, ThreadSettings
from tests.ros.test_recorder_steps import ROBOT, Wire

FACTS = {"task_text": "stack", "operator": "Ada"}
TYPES = {
    "image": "sensor_msgs/msg/Image",
    "joints": "sensor_msgs/msg/JointState",
    "gripper": "sensor_msgs/msg/JointState",
}


class Messages(Wire):
    """What a Wire sends, kept for a thread in place of a StepSegmenter."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def send(self, role, message, at_s, key=""):
        from rclpy.serialization import serialize_message

        name = f"/robot/{role}/{key}"
        kept = Kept(at_s, 0, name, serialize_message(message))
        self.sent.append((Topic(name, TYPES[role], role, key), kept, round((1000.0 + at_s) * 1e9)))

    def of_steps(self, first: int, count: int) -> list:
        """The messages of so many control steps."""
        self.sent = []
        for i in range(first, first + count):
            self.state(0.05 * i)
            self.frame(i % 250, 0.05 * i)
        return self.sent


@pytest.fixture
def thread(tmp_path):
    running = RecorderThread(ThreadSettings(tmp_path, 50_000_000, 0), ROBOT)
    yield running
    running.close(10.0)


def begin(thread, name: str, lost=()) -> None:
    thread.order(Begin(name, FACTS, 0.0, dict(lost)))


def wait(thread, **wanted) -> None:
    end_s = time.monotonic() + 60.0
    while any(getattr(thread.progress, name) != value for name, value in wanted.items()):
        assert time.monotonic() < end_s, (wanted, thread.progress)
        time.sleep(0.01)


def test_orders_keep_their_place_among_the_messages(thread, tmp_path):
    messages = Messages()
    begin(thread, "one", lost={"/a": 2})
    thread.offer(messages.of_steps(0, 5), {"/a": 2})
    thread.order("mark")
    thread.order(End(Outcome("redo", thrown_away=True), {"/a": 2}))
    begin(thread, "two", lost={"/a": 2})
    thread.offer(messages.of_steps(5, 4), {"/a": 5})
    thread.order(End(Outcome("stop_success", success=True), {"/a": 5}))
    wait(thread, kept=1, thrown_away=1, episode="")
    (path,) = episode_paths(tmp_path)
    episode = read_episode(path)
    assert path.name == "two.mcap" and len(episode.steps) == 4
    assert episode.outcome["lost"] == {"/a": 3} and episode.outcome["flags"] == ["lost"]
    assert not thread.recording


def test_what_has_no_room_to_wait_is_dropped_and_counted(tmp_path):
    thread = RecorderThread(ThreadSettings(tmp_path, 400_000, 0), ROBOT)
    begin(thread, "one")
    messages = Messages().of_steps(0, 30)  # 3 MB at once
    thread.offer(messages, {})
    thread.order(End(Outcome("stop_success", success=True), {}))
    wait(thread, kept=1)
    thread.close(10.0)
    outcome = read_episode(tmp_path / "one.mcap").outcome
    assert outcome["flags"] == ["dropped"] and outcome["steps"] < 10
    dropped = sum(outcome["dropped"].values())
    assert 0 < dropped < len(messages) and set(outcome["dropped"]) <= {topic.name for topic, _, _ in messages}


def test_a_message_that_breaks_the_recording_leaves_the_steps_before_it_and_the_next_episode(thread, tmp_path):
    begin(thread, "one")
    thread.offer(Messages().of_steps(0, 6), {})
    broken = Topic("/robot/x", TYPES["image"], "image", "no_such_camera")
    thread.offer([(broken, Kept(1.0, 0, broken.name, b""), 10**12)], {})
    wait(thread, failed=1)
    assert not thread.recording and "no_such_camera" in thread.progress.last
    assert len(read_episode(recover_partial(*partial_paths(tmp_path))).steps) == 5
    begin(thread, "two")
    thread.offer(Messages().of_steps(0, 3), {})
    thread.order(End(Outcome("stop_fail", success=False), {}))
    wait(thread, kept=1)
    assert len(read_episode(tmp_path / "two.mcap").steps) == 3


def test_an_episode_without_a_step_is_no_episode_and_a_name_that_is_taken_is_refused(thread, tmp_path):
    begin(thread, "one")
    thread.order(End(Outcome("stop_success", success=True), {}))
    wait(thread, failed=1)
    assert "no control step" in thread.progress.last and episode_paths(tmp_path) == partial_paths(tmp_path) == []
    (tmp_path / "two.mcap").write_bytes(b"")
    begin(thread, "two")
    wait(thread, failed=2)
    assert "of that name" in thread.progress.last and not thread.recording
