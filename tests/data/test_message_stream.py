import tracemalloc

import pytest
from mcap.writer import IndexType, Writer

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.episodes.mcap_channels import load_tracks
from gato_ros.data.episodes.message_stream import MessageStream
from gato_ros.data.episodes.writer import OBSERVATION_TOPIC
from gato_ros.data.mcap_file import McapFile
from tests.data.recordings import write


def stream(path):
    return MessageStream(path, "an episode", "do something")


def test_stream_yields_what_the_whole_file_holds(tmp_path):
    path = write(tmp_path)
    read, found, tracks = stream(path), {}, load_tracks(path, "an episode", "").tracks
    contents = read.contents()
    for message in read:
        found.setdefault(message.channel.topic, []).append((message.step, message.stamp_ns, message.data))
    assert list(contents.channels) == list(read.channels) == list(tracks)
    assert {topic: list(zip(one.steps, one.stamps_ns, one.data)) for topic, one in tracks.items()} == found
    assert contents.counts == {topic: len(rows) for topic, rows in found.items()}
    assert contents.metadata == read.metadata and contents.metadata["outcome"] == {"success": True}
    assert [one.topic for one in contents.having("observation", messages.FLOAT32_ARRAY)] == [OBSERVATION_TOPIC]


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_stream_of_an_altered_or_cut_file_is_one_line(tmp_path, part):
    path = write(tmp_path)
    whole = path.read_bytes()
    place = int(part * len(whole))
    for content in (whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :], whole[:place]):
        path.write_bytes(content)
        with pytest.raises(SetupError, match=r"altered content|not an MCAP file|truncated|an empty file"):
            stream(path).contents()
            list(stream(path))


def test_stream_of_what_is_no_file_is_one_line(tmp_path):
    (tmp_path / "folder.mcap").mkdir()
    (tmp_path / "dangling.mcap").symlink_to(tmp_path / "nowhere")
    for name, reason in (("absent", "No such file"), ("folder", "Is a directory"), ("dangling", "No such file")):
        with pytest.raises(SetupError, match=reason):
            next(iter(stream(tmp_path / f"{name}.mcap")))


def test_errors_of_the_consumer_are_its_own(tmp_path):
    with pytest.raises(ZeroDivisionError):
        for _ in stream(write(tmp_path)):
            raise ZeroDivisionError


def test_a_file_without_a_summary_is_counted(tmp_path):
    path = tmp_path / "bare.mcap"
    with open(path, "wb") as file:
        writer = Writer(file, index_types=IndexType.NONE, use_statistics=False, use_summary_offsets=False)
        writer.start()
        number = writer.register_channel("a", "json", 0)
        for step in range(3):
            writer.add_message(number, step, b"{}", step, step)
        writer.add_metadata("other", {"text": "not: json"})
        writer.finish()
    contents = stream(path).contents()
    assert contents.counts == {"a": 3} and contents.metadata == {"other": {"text": "not: json"}}
    assert contents.channels["a"].message_type == contents.channels["a"].role == ""


def test_two_different_channels_of_one_topic_are_refused(tmp_path):
    path = tmp_path / "two.mcap"
    with open(path, "wb") as file:
        writer = Writer(file)
        writer.start()
        for role in ("state", "raw"):
            writer.add_message(writer.register_channel("a", "cdr", 0, {"role": role}), 0, b"x", 0)
        writer.finish()
    with pytest.raises(SetupError, match="two different channels on the topic a"):
        load_tracks(path, "an episode", "")


def test_memory_of_the_stream_is_flat(tmp_path):
    peaks = []
    for count in (20, 160):
        file = McapFile(tmp_path, f"long{count}", "episode")
        for step in range(count):
            file.add("camera", messages.STRING, bytes([step]) * 2**20, step, step, {"role": "raw"})
        path = file.close()
        tracemalloc.start()
        assert sum(len(message.data) for message in stream(path)) == count * 2**20
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 40 * 2**20
