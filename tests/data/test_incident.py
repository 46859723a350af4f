"""An incident is whole or absent, and independent readers read it."""

import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.incidents.incident import Topic, read_incident, write_incident
from gato_ros.data.incidents.message_ring import Kept

TOPICS = {
    "/a/image": Topic("/a/image", messages.IMAGE, "image", "left/pixels"),
    "/a/joints": Topic("/a/joints", messages.JOINT_STATE, "joints"),
}


def kept(count=20):
    rng = np.random.default_rng(0)
    for i in range(count):
        stamp_ns = 1_700_000_000_000_000_000 + i * 50_000_000
        yield Kept(
            0.05 * i,
            stamp_ns + 1,
            "/a/image",
            bytes(messages.image(rng.integers(0, 256, (8, 16, 3), np.uint8), stamp_ns, "left")),
        )
        yield Kept(0.05 * i, stamp_ns + 2, "/a/joints", bytes(messages.joint_state(["j"], stamp_ns, [0.1 * i])))


def test_it_reads_back_as_it_was_received(tmp_path):
    path = write_incident(tmp_path, "one", TOPICS, kept(), {"reason": "emergency_stop", "missing": {"/a/image": 2}})
    incident = read_incident(path)
    assert incident.about["reason"] == "emergency_stop" and incident.about["missing"] == {"/a/image": 2}
    (images,), (joints,) = incident.of("image"), incident.of("joints")
    wanted = list(kept())
    assert images.metadata["key"] == "left/pixels"
    assert images.data == [one.data for one in wanted[::2]] and joints.data == [one.data for one in wanted[1::2]]
    assert images.stamps_ns == [one.stamp_ns for one in wanted[::2]] and joints.steps == list(range(1, 40, 2))
    assert not list((tmp_path / ".partial").iterdir())


def test_independent_readers_read_it(tmp_path):
    path = write_incident(tmp_path, "one", TOPICS, kept(), {"reason": "x"})
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        received = [(channel.topic, ros) for _, channel, _, ros in reader.iter_decoded_messages()]
    assert len(received) == 40 and [ros.position[0] for topic, ros in received if topic == "/a/joints"][3] == 0.1 * 3


@pytest.mark.parametrize(
    "alter, complaint",
    [
        (lambda data: data[:-20], "truncated"),
        (lambda data: data[:300] + bytes([data[300] ^ 1]) + data[301:], "altered"),
        (lambda data: b"x" + data, "not an MCAP file"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, alter, complaint):
    path = write_incident(tmp_path, "one", TOPICS, kept(), {"reason": "x"})
    path.write_bytes(alter(path.read_bytes()))
    with pytest.raises(SetupError, match=complaint):
        read_incident(path)


def test_another_kind_of_file_is_refused(tmp_path):
    from gato_ros.data.mcap_file import McapFile

    file = McapFile(tmp_path, "other", "episode")
    path = file.close()
    with pytest.raises(SetupError, match="without the record"):
        read_incident(path)


def test_a_failing_disk_leaves_no_file(tmp_path):
    def failing():
        yield from kept(2)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_incident(tmp_path, "one", TOPICS, failing(), {"reason": "x"})
    assert not list(tmp_path.rglob("*.mcap"))


def test_a_kill_in_the_middle_leaves_no_file_of_that_name(tmp_path):
    program = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(__import__("pathlib").Path(__file__).parent)!r})
        from test_incident import TOPICS, kept
        from gato_ros.data.incidents.incident import write_incident
        from pathlib import Path
        def slow():
            for one in kept(10 ** 6):
                yield one
                print("one", flush=True)
        write_incident(Path({str(tmp_path)!r}), "one", TOPICS, slow(), {{"reason": "x"}})
    """)
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    for _ in range(50):
        assert writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    time.sleep(0.05)
    assert not list(tmp_path.glob("*.mcap"))
    assert [path.name for path in (tmp_path / ".partial").iterdir()] == ["one.mcap"]
