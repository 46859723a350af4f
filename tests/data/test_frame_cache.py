"""Frames kept for the next training: of long files they stay in the file, of read-only data they lie elsewhere."""

import io
import json
import shutil

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data import frame_blocks, frame_cache
from gato_ros.data.cache_place import BESIDE
from gato_ros.data.episodes.episode import read_episode
from gato_ros.data.episodes.recording import load_recordings
from gato_ros.data.frame_cache import frame_parts
from gato_ros.data.frames import join, load_frames, save_frames
from tests.data.recordings import FACTS, ROBOT, write


@pytest.fixture
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    frame_cache._say_no_room.cache_clear()
    return tmp_path / "caches"


@pytest.fixture
def data(tmp_path):
    """A folder with two episodes, one of them rendered in part."""
    folder = tmp_path / "data"
    write(folder, "a", range(9))
    write(folder, "b", range(6), {**FACTS, "image_share": 0.5}, rendered=lambda step: step % 2 == 0)
    return folder


def pixels(frames):
    return frames.pixels(range(len(frames)))


def test_frames_in_a_file_are_those_in_memory(data, caches, monkeypatch):
    in_memory = join(frame_parts(data))
    assert all(isinstance(place, bytes) for place in in_memory.images.places)
    shutil.rmtree(data / BESIDE)
    monkeypatch.setattr(frame_blocks, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(frame_blocks, "_MEMBER_BYTES", 900)  # so that the blocks of an episode lie in several arrays
    parts = frame_parts(data)
    in_files = join(parts)
    assert len(parts[0].images.places) > 2 and not any(isinstance(one, bytes) for one in in_files.images.places)
    np.testing.assert_array_equal(pixels(in_files), pixels(in_memory))
    whole = read_episode(data / "b.mcap")
    np.testing.assert_array_equal(pixels(parts[1])[:, 0], whole.values[ROBOT.image_keys[0]])
    rows = np.array([11, 0, 4])
    np.testing.assert_array_equal(in_files.only(rows).pixels([2, 0]), in_memory.pixels([4, 11]))
    np.testing.assert_array_equal(in_files.actions, in_memory.actions)
    save_frames(data.parent / "again.frames.npz", in_files.only(rows))
    np.testing.assert_array_equal(pixels(load_frames(data.parent / "again.frames.npz")), in_memory.pixels(rows))


def test_a_file_that_goes_away_while_it_is_used_is_named(data, caches, monkeypatch):
    monkeypatch.setattr(frame_blocks, "IN_MEMORY_BYTES", 0)
    frames = frame_parts(data)[0]
    shutil.rmtree(data / BESIDE)
    with pytest.raises(SetupError, match="gone or cut"):
        frames.pixels([0])


@pytest.mark.parametrize("most", [0, 2**20])
def test_a_file_of_an_older_version_is_read(data, caches, monkeypatch, most):
    monkeypatch.setattr(frame_blocks, "IN_MEMORY_BYTES", most)
    frames = frame_parts(data)[0]
    blocks = [frames.images[row] for row in range(len(frames))]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        head=np.array(json.dumps({"image_keys": frames.image_keys, "image_shape": frames.image_shape})),
        lengths=np.array([len(block) for block in blocks], np.int64),
        blocks=np.frombuffer(b"".join(blocks), np.uint8),
        actions=frames.actions,
        **{f"vector:{key}": value for key, value in frames.vectors.items()},
    )
    old = data / "old.frames.npz"
    old.write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(pixels(load_frames(old)), pixels(frames))
    for cut in (1, 100, len(buffer.getvalue()) // 2):
        old.write_bytes(buffer.getvalue()[:-cut])
        with pytest.raises(SetupError, match="whole frames file"):
            load_frames(old)


def test_read_only_data_is_kept_among_the_users_caches(data, caches, monkeypatch):
    (data / BESIDE).write_text("not a folder: for root, too, nothing can be kept here")
    first = [pixels(part) for part in frame_parts(data)]
    load_recordings(data)
    assert len(list(caches.rglob("*.frames.npz"))) == 2 and len(list(caches.rglob("*.order.npz"))) == 2
    monkeypatch.setattr(frame_cache, "open_episode", None)
    monkeypatch.setattr("gato_ros.data.episodes.recording.open_episode", None)
    for one, again in zip(first, frame_parts(data), strict=True):
        np.testing.assert_array_equal(one, pixels(again))
    assert [len(one.frames) for one in load_recordings(data)] == [9, 3]


def test_without_room_training_goes_on_and_says_so_once(data, caches, capsys):
    expected = [(pixels(one.frames), one.executed, one.steps) for one in load_recordings(data)]
    shutil.rmtree(data / BESIDE)
    for place in (data / BESIDE, caches):
        place.write_text("not a folder")
    found = load_recordings(data)
    for one, (pictures, executed, steps) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(pixels(one.frames), pictures)
        np.testing.assert_array_equal(one.executed, executed)
        np.testing.assert_array_equal(one.steps, steps)
    assert len(frame_parts(data)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(data) in line and "XDG_CACHE_HOME" in line


def test_a_disk_that_runs_full_while_frames_are_kept_is_no_end(data, caches, capsys, monkeypatch):
    def full(self, block):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gato_ros.data.frames.BlockWriter.add", full)
    assert [len(part) for part in frame_parts(data)] == [9, 3]
    assert "No space left on device" in capsys.readouterr().err and list((data / BESIDE).iterdir()) == []
