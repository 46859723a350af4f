import shutil

import pytest
from mcap.reader import make_reader
from mcap.writer import Writer
from rosbags.rosbag2 import StoragePlugin

from gato_ros.core.errors import SetupError
from gato_ros.data.checks.episode_filter import left_out
from gato_ros.data.checks.file_kind import sorted_out, what_else
from gato_ros.data.checks.verification import verify_episode
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.episodes.summary import chosen, chosen_files, summarise
from tests.data.others import all_kinds, bag, bag_file
from tests.data.recordings import write


def test_files_of_others_are_named_and_the_rest_goes_on(tmp_path, capsys):
    path = write(tmp_path)
    kinds = all_kinds(tmp_path)
    assert episode_paths(tmp_path) == chosen_files((tmp_path,)) == [path]
    lines = capsys.readouterr().err.splitlines()
    found = chosen((tmp_path,)).others
    assert len(lines) == len(kinds) == len(found)
    for name, word in kinds.items():
        other = tmp_path / f"{name}.mcap"
        assert word in found[other].what and found[other].fix and found[other].what in verify_episode(other)
        assert sum(str(other) in line and word in line for line in lines) == 1
        assert word in left_out(tmp_path)[other] and word in left_out(tmp_path, failures=True)[other]
        assert "Error" not in summarise(other).problem


@pytest.mark.parametrize("name", ["o1", "o2", "o4", "o5", "o6", "o7", "o9"])
def test_a_file_of_others_named_alone_is_an_error(tmp_path, name):
    word = all_kinds(tmp_path)[name]
    with pytest.raises(SetupError, match=word) as error:
        chosen((tmp_path / f"{name}.mcap",))
    assert error.value.fix


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_the_folder_of_a_bag_is_named(tmp_path, storage):
    with pytest.raises(SetupError, match="folder of a ROS 2 bag"):
        chosen((bag(tmp_path / "bag", storage),))


def test_an_episode_stays_one_however_it_is_damaged(tmp_path):
    path = write(tmp_path)
    whole = path.read_bytes()
    assert what_else(path) is None
    for place in (0, 5, 9, 20, 40, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        assert what_else(path) is None and sorted_out(tmp_path) == ([path], {}), place
        assert verify_episode(path), place
    for length in (len(whole) - 1, len(whole) // 2, 60):
        path.write_bytes(whole[:length])
        assert what_else(path) is None and verify_episode(path), length


def test_an_episode_that_another_program_copied_is_one(tmp_path):
    """Its records come at the end, and its library is another."""
    path = write(tmp_path)
    copied = tmp_path / "copied.mcap"
    with open(path, "rb") as source, open(copied, "wb") as file:
        reader, writer, channels = make_reader(source), Writer(file), {}
        writer.start(profile="ros2", library="mcap go 1.0")
        for schema, channel, message in reader.iter_messages():
            if channel.id not in channels:
                number = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.id] = writer.register_channel(channel.topic, "cdr", number, channel.metadata)
            writer.add_message(
                channels[channel.id], message.log_time, message.data, message.publish_time, message.sequence
            )
        for record in reader.iter_metadata():
            writer.add_metadata(record.name, record.metadata)
        writer.finish()
    assert what_else(copied) is None and verify_episode(copied) == []
    assert (read_episode(copied).actions == read_episode(path).actions).all()


def test_a_bag_cut_short_is_still_called_one(tmp_path):
    path = bag_file(tmp_path / "bag.mcap")
    shutil.copy(path, tmp_path / "cut.mcap")
    (tmp_path / "cut.mcap").write_bytes(path.read_bytes()[:-30])
    assert "ROS 2 bag" in what_else(tmp_path / "cut.mcap").what
