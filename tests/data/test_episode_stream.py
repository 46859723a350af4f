"""An episode whose pictures stay on the disk: the same as the whole one in memory, and flat in its length."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.episodes.episode import read_episode
from gato_ros.data.episodes.stream import open_episode
from tests.data.recordings import OPERATED, ROBOT, executed, label, observation, write

LEFT, RIGHT = ROBOT.image_keys


def test_a_stream_has_what_the_whole_episode_has(tmp_path):
    rendered = lambda step: step not in (0, 3)  # noqa: E731
    path = write(tmp_path, "a", range(6), OPERATED, source=lambda step: "human", rendered=rendered)
    whole, stream = read_episode(path), open_episode(path)
    assert (stream.episode.metadata, stream.episode.outcome, stream.episode.ticks) == (
        whole.metadata,
        whole.outcome,
        whole.ticks,
    )
    for name in ("steps", "stamps_s", "actions", "executed", "image_steps"):
        np.testing.assert_array_equal(getattr(stream.episode, name), getattr(whole, name))
    assert list(stream.cameras) == [LEFT, RIGHT] and set(stream.episode.values) == set(whole.values) - {LEFT, RIGHT}
    for key, values in stream.episode.values.items():
        np.testing.assert_array_equal(values, whole.values[key])
    found = list(stream.whole_pictures())
    assert [step for step, _ in found] == [1, 2, 4, 5]
    for row, (_, pictures) in enumerate(found):
        for key in (LEFT, RIGHT):
            np.testing.assert_array_equal(pictures[key], whole.values[key][row])


def without_one_picture(folder):
    """An episode whose right camera lacks the picture of step 2, as a damaged recording would."""
    from gato_ros.data.episodes.writer import EpisodeWriter

    class Lossy(EpisodeWriter):
        def _put(self, topic, message_type, data, **metadata):
            if not (metadata.get("key") == RIGHT and self._at[0] == 2):
                super()._put(topic, message_type, data, **metadata)

    with Lossy(folder, "lossy", ROBOT, {"task": "x"}) as writer:
        for step in range(5):
            writer.add(step, observation(step), label(step), executed(step))
        return writer.close({"success": True})


def test_a_picture_that_is_missing_is_seen_by_those_who_need_it(tmp_path):
    stream = open_episode(without_one_picture(tmp_path))
    assert [set(pictures) for _, pictures in stream.pictures()][2] == {LEFT}
    with pytest.raises(SetupError, match="at step 2 pictures"):
        list(stream.whole_pictures())
    with pytest.raises(SetupError, match="different steps"):
        read_episode(stream.path)


def test_a_file_that_changed_since_is_refused(tmp_path):
    path = write(tmp_path)
    stream = open_episode(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SetupError, match="truncated"):
        list(stream.pictures())


def test_a_file_without_steps_is_no_episode(tmp_path):
    from gato_ros.data.mcap_file import McapFile

    file = McapFile(tmp_path, "empty", "episode")
    file.add("x", messages.STRING, messages.text("hello"), 0, 0, {})
    with pytest.raises(SetupError, match="expected one channel"):
        open_episode(file.close())


def test_memory_does_not_grow_with_the_length_of_an_episode(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.memory_program", tmp_path],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    short, long = map(float, done.stdout.split()[-2:])
    # The long one has 88 MiB of pixels more than the short one. What fills up only once was 24 to 42 MiB, by the load.
    assert long - short < 60, f"{short:.0f} MiB for 2 s, and {long:.0f} MiB for 12 s"
