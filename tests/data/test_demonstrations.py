"""Demonstrations in shards come back as they went in, or not at all."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import zstandard

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, ImageSpec, StepSpec, TextSpec
from gato_ros.data.demonstrations import record
from gato_ros.data.demonstrations.demonstration import Demonstration
from gato_ros.data.demonstrations.pictures import FRAMES_PER_BLOCK, PictureWriter
from gato_ros.data.demonstrations.reading import read_demonstrations, recording_of, write_index
from gato_ros.data.demonstrations.record import narrowed, once, record_bytes, record_of
from gato_ros.data.demonstrations.shard import Episode, Head, read_head, read_shard, write_shard
from gato_ros.data.frames import join, load_frames, save_frames

pytest.importorskip("array_record", reason="array_record comes with the domains: pip install gato_ros[domains]")

WORDS, CELLS, STATE, EYE, TRUTH = "mission/text", "view/cells", "state", "view/pixels", "privileged/target"
SPEC = StepSpec.of(
    {
        CELLS: DiscreteSpec(39, 9),
        WORDS: TextSpec(16, 4),
        STATE: ContinuousSpec((-1.0,) * 3, (1.0,) * 3, ("m",) * 3),
        EYE: ImageSpec(4, 6),
    },
    {"move": DiscreteSpec(7)},
)
HEAD = Head("grid", "find", SPEC, "return", "expert", "expert", {"versions": {"minigrid": "3.2.0"}})


SEEN = {}
"""Seed -> the pictures of its steps."""


def play(seed: int, steps: int, noisy: bool = False) -> Demonstration:
    rng = np.random.default_rng(seed)
    moves = rng.integers(7, size=(steps, 1)).astype(np.float32)
    values = {
        CELLS: rng.integers(39, size=(steps, 9)).astype(np.float32),
        WORDS: np.tile(rng.integers(1, 255, 16).astype(np.float32), (steps, 1)),
        STATE: rng.normal(size=(steps, 3)).astype(np.float32) if seed else np.zeros((steps, 3), np.float32),
    }
    writer, seen = PictureWriter(), rng.integers(256, size=(steps, 4, 6, 3), dtype=np.uint8)
    for one in seen:
        writer.add({EYE: one})
    SEEN[seed] = seen
    truth = {TRUTH: rng.integers(2, size=(steps, 9)).astype(np.float32)}
    done = rng.integers(7, size=(steps, 1)).astype(np.float32) if noisy else moves
    return Demonstration(seed, values, writer.finish(), truth, done, moves, 0.5 + seed / 100, seed % 2 == 0)


EPISODES = [play(seed, 1 + seed % 5, noisy=seed % 3 == 1) for seed in range(20)]


@pytest.fixture
def folder(tmp_path):
    write_shard(tmp_path / "grid-find-0.array_record", HEAD, EPISODES[:12])
    write_shard(tmp_path / "grid-find-1.array_record", HEAD, EPISODES[12:])
    return tmp_path


def test_episodes_come_back_as_they_went_in(folder):
    found = read_demonstrations([folder])
    assert len(found) == len(EPISODES)
    for one, was in zip(found, EPISODES):
        frames = one.frames
        assert len(frames) == one.length == len(was) and one.steps.tolist() == list(range(len(was)))
        for key in (CELLS, WORDS, STATE):
            np.testing.assert_array_equal(frames.vectors[key], was.observations[key])
        np.testing.assert_array_equal(frames.pixels(range(len(was)))[:, 0], SEEN[was.seed])
        np.testing.assert_array_equal(frames.privileged[TRUTH], was.privileged[TRUTH])
        np.testing.assert_array_equal(frames.actions, was.labels)
        np.testing.assert_array_equal(one.executed, was.executed)
        assert one.source == ("find", "grid", "expert") and one.outcome == was.reward
        # A sensor whose readings happen to be whole numbers is still encoded as one.
        assert frames.vectors[STATE].dtype == np.float32 and frames.vectors[CELLS].dtype == np.uint8


def test_the_metric_decides_what_an_episode_is_worth(tmp_path):
    write_shard(tmp_path / "a.array_record", replace(HEAD, metric="success"), EPISODES[:4])
    assert [one.outcome for one in read_demonstrations([tmp_path])] == [1.0, 0.0, 1.0, 0.0]


def test_episodes_are_chosen_by_task_and_number(folder):
    write_shard(folder / "grid-open-0.array_record", replace(HEAD, task="open"), EPISODES[:3])
    assert [one.source[0] for one in read_demonstrations([folder])].count("open") == 3
    assert [one.source[0] for one in read_demonstrations([folder], limit=14)].count("find") == 14
    assert len(read_demonstrations([folder, folder], "open", limit=2)) == 2 + 0
    with pytest.raises(SetupError, match="did you mean 'open'"):
        read_demonstrations([folder], "opne")
    with pytest.raises(SetupError, match="none"):
        read_demonstrations([folder / "empty"])


def test_episodes_of_two_specs_are_not_mixed(folder):
    other = StepSpec.of({**SPEC.observations, WORDS: TextSpec(16, 8)}, SPEC.actions)
    write_shard(folder / "grid-tell-0.array_record", replace(HEAD, task="tell", spec=other), EPISODES[:3])
    with pytest.raises(SetupError, match="one spec; got find; tell"):
        read_demonstrations([folder])
    assert len(read_demonstrations([folder], "tell")) == len(read_demonstrations([folder], spec=other)) == 3


def test_a_shard_without_episodes_says_that_it_was_tried(tmp_path):
    write_shard(tmp_path / "a.array_record", HEAD, [])
    assert read_head(tmp_path / "a.array_record") == HEAD
    with pytest.raises(SetupError, match="collect some"):
        read_demonstrations([tmp_path])


def test_the_index_names_every_episode(folder):
    rows = [json.loads(line) for line in write_index(folder).read_text().splitlines()]
    assert [row["shard"] for row in rows] == ["grid-find-0.array_record", "grid-find-1.array_record"]
    assert [one[0] for row in rows for one in row["episodes"]] == list(range(20))
    head, found = read_shard(folder / rows[1]["shard"], count=2)
    seed, length, reward, success = rows[1]["episodes"][1]
    assert found[1][0] == Episode(seed, length, reward, success) and (seed, success) == (13, False)
    assert len(found[1][1].executed) == length and head.about == HEAD.about


def test_an_altered_shard_is_refused_or_the_same(folder):
    path = folder / "grid-find-0.array_record"
    whole, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    used = [place for place, byte in enumerate(whole) if byte]
    for place in rng.choice(used, 100, replace=False):
        altered = bytearray(whole)
        altered[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(altered)
        try:
            found = read_demonstrations([folder])
        except SetupError as error:
            assert "a whole shard of demonstrations" in str(error) and "\n" not in str(error)
            refused += 1
        else:  # riegeli's headers of blocks are not read where nothing is damaged
            assert len(found) == len(EPISODES)
            for one, was in zip(found, EPISODES):
                np.testing.assert_array_equal(one.frames.vectors[CELLS], was.observations[CELLS])
                np.testing.assert_array_equal(one.frames.actions, was.labels)
                np.testing.assert_array_equal(one.frames.pixels(range(len(was)))[:, 0], SEEN[was.seed])
    assert refused > 90


def test_a_shard_that_is_cut_is_refused(folder):
    path = folder / "grid-find-0.array_record"
    whole = path.read_bytes()
    for size in (0, 1, 63, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(SetupError, match="a whole shard of demonstrations .*delete it"):
            read_demonstrations([folder])


@pytest.mark.parametrize("cut", [0, 3, 10, 200, -1])
def test_a_record_is_whole_or_none(cut):
    content = record_bytes(EPISODES[3], (EYE,))
    assert len(record_of(content).executed) == len(EPISODES[3])
    with pytest.raises((ValueError, struct.error)):
        record_of(content[:cut])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.0, 255.0], np.uint8),
        ([-1.0, 300.0], np.int16),
        ([0.5, 1.0], np.float32),
        ([np.nan, 1.0], np.float32),
        ([-0.0, 1.0], np.float32),
        ([1e9], np.float32),
    ],
)
def test_numbers_get_the_smallest_type_that_holds_them(values, kind):
    small = narrowed(np.array(values))
    assert small.dtype == kind
    np.testing.assert_array_equal(np.signbit(small.astype(np.float32)), np.signbit(np.array(values, np.float32)))
    np.testing.assert_array_equal(small.astype(np.float32), np.array(values, np.float32))


def test_a_row_that_does_not_change_is_kept_once():
    assert len(once(np.ones((5, 2)))) == 1 and len(once(np.eye(2))) == 2 and len(once(np.full((3, 1), np.nan))) == 3


def test_pictures_of_a_long_episode_share_blocks(tmp_path):
    long = play(50, 2 * FRAMES_PER_BLOCK + 7)
    assert len(long.pictures.lengths) == 3
    write_shard(tmp_path / "a.array_record", HEAD, [long, EPISODES[4]])
    first, second = (one.frames for one in read_demonstrations([tmp_path]))
    rows = np.random.default_rng(0).permutation(len(long))
    np.testing.assert_array_equal(first.pixels(rows)[:, 0], SEEN[50][rows])
    np.testing.assert_array_equal(first.only(rows[:9]).pixels(range(9))[:, 0], SEEN[50][rows[:9]])
    both, seen = join([second, first]), np.concatenate([SEEN[4], SEEN[50]])
    np.testing.assert_array_equal(both.pixels(range(len(both)))[:, 0], seen)
    save_frames(tmp_path / "a.frames.npz", both)
    again = load_frames(tmp_path / "a.frames.npz")
    np.testing.assert_array_equal(join([again, first]).pixels(range(len(both)))[:, 0], seen)


def test_a_record_of_the_first_format_is_read():
    """A block for each step, and no word of how many it holds."""
    steps, seen = 5, SEEN[3][:1].repeat(5, 0) + np.arange(5, dtype=np.uint8)[:, None, None, None]
    blocks = [zstandard.compress(one.tobytes()) for one in seen]
    columns = {"executed": np.zeros((steps, 1), np.uint8), "image lengths": np.array(list(map(len, blocks)), np.uint32)}
    head = json.dumps([[name, one.dtype.str, list(one.shape)] for name, one in columns.items()]).encode()
    body = struct.pack("<I", len(head)) + head + b"".join(one.tobytes() for one in columns.values())
    found = record_of(struct.pack("<I", len(body)) + body + b"".join(blocks))
    assert found.frames_per_block == 1 and len(found.image_lengths) == steps
    frames = recording_of(HEAD, Episode(0, steps, 1.0, True), found).frames
    np.testing.assert_array_equal(frames.pixels(range(steps))[:, 0], seen)


def test_blocks_that_do_not_cover_the_steps_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="the spec has"):
        record_bytes(EPISODES[3], ())
    monkeypatch.setattr(record, "FRAMES_PER_BLOCK", 1)
    with pytest.raises(ValueError, match="1 blocks of 1 steps, and 4 steps"):
        record_of(record_bytes(EPISODES[3], (EYE,)))


def test_a_camera_that_changes_is_refused():
    writer = PictureWriter()
    writer.add({EYE: np.zeros((4, 6, 3), np.uint8)})
    with pytest.raises(ValueError, match="were followed by"):
        writer.add({EYE: np.zeros((6, 4, 3), np.uint8)})
    with pytest.raises(SetupError, match="cameras of one size"):
        PictureWriter().add({"a": np.zeros((4, 6, 3), np.uint8), "b": np.zeros((6, 4, 3), np.uint8)})
