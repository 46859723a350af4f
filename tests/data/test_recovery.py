"""What a killed recorder leaves is an episode again: all whole steps, nothing else touched."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.checks.verification import verify_episode
from gato_ros.data.episodes.episode import EpisodeWriter, episode_paths, read_episode
from gato_ros.data.episodes.recovery import TORN, partial_paths, recover_partial, set_aside
from gato_ros.embodiments import load_embodiment

ROBOT = load_embodiment()
HOLD = ArmAction(np.zeros(4), 0.0)


def observation(step: int) -> Observation:
    random = np.random.default_rng(step)
    pixels = {key: random.integers(0, 256, (128, 128, 3), np.uint8) for key in ROBOT.image_keys}
    return Observation({**pixels, "gripper/opening": np.array([step / 1e3], np.float32)}, step / 20)


def left_behind(folder, steps: int, flush: bool = True, name: str = "one"):
    """A partial file as a killed recorder leaves it."""
    writer = EpisodeWriter(folder, name, ROBOT, {"task": "stack"})
    for step in range(steps):
        writer.add_raw("/robot/clock", "std_msgs/msg/String", b"\0\1\0\0\1\0\0\0\0", step, step, {"of": "clock"})
        writer.add(step, observation(step), HOLD, HOLD, tick={"source": "human"})
        if flush:
            writer.file.flush()
    return writer.file.leave()


def test_every_flushed_step_survives_and_the_rest_is_kept(tmp_path):
    partial = left_behind(tmp_path, 7)
    size = partial.stat().st_size
    assert partial_paths(tmp_path) == [partial] and verify_episode(partial) != []
    path = recover_partial(partial)
    assert path == tmp_path / "one.mcap" and episode_paths(tmp_path) == [path] and verify_episode(path) == []
    episode = read_episode(path)
    assert episode.outcome == {"success": None, "end": "killed", "steps": 7, "recovered": True}
    assert episode.metadata["task"] == "stack" and [tick["source"] for tick in episode.ticks] == ["human"] * 7
    for step in range(7):
        for key, value in observation(step).values.items():
            np.testing.assert_array_equal(episode.values[key][step], value)
    assert not partial.exists() and (tmp_path / TORN / "one.mcap").stat().st_size == size


def test_a_file_cut_anywhere_loses_what_is_cut(tmp_path):
    whole = left_behind(tmp_path, 5).read_bytes()
    for cut in np.random.default_rng(0).integers(1, len(whole), 12):
        folder = tmp_path / str(cut)
        (folder / ".partial").mkdir(parents=True)
        partial = folder / ".partial" / "one.mcap"
        partial.write_bytes(whole[:-cut])
        lost = -(-cut * 5 // len(whole))  # steps are of one size, nearly
        try:
            found = len(read_episode(recover_partial(partial)).steps)
        except SetupError as error:
            assert lost >= 4 and "no whole step" in str(error)
            continue
        assert 5 - lost - 1 <= found <= 5 - lost + 1 and verify_episode(folder / "one.mcap") == []


def test_damage_in_the_middle_keeps_what_lies_before(tmp_path):
    partial = left_behind(tmp_path, 6)
    content = bytearray(partial.read_bytes())
    content[len(content) * 5 // 12] ^= 1  # half-way through the third step
    partial.write_bytes(content)
    assert len(read_episode(recover_partial(partial)).steps) == 2


def test_a_step_that_was_half_written_is_left_out(tmp_path):
    writer = EpisodeWriter(tmp_path, "one", ROBOT, {})
    for step in range(3):
        writer.add(step, observation(step), HOLD, HOLD)
    writer.file.add(ROBOT.wire.proposal_twist, "geometry_msgs/msg/TwistStamped", b"", 0, 3, {"role": "label"})
    writer.file.flush()
    assert list(read_episode(recover_partial(writer.file.leave())).steps) == [0, 1, 2]


def test_a_damaged_episode_is_repaired_in_place_and_its_neighbours_are_not_touched(tmp_path):
    for name in ("one", "two"):
        left_behind(tmp_path, 4, name=name)
    one, two = (recover_partial(path) for path in partial_paths(tmp_path))
    before = hashlib.sha256(two.read_bytes()).hexdigest(), two.stat().st_mtime_ns
    one.write_bytes(one.read_bytes()[:-1000])
    assert recover_partial(one) == one and verify_episode(one) == []
    assert (hashlib.sha256(two.read_bytes()).hexdigest(), two.stat().st_mtime_ns) == before
    assert sorted(path.name for path in (tmp_path / TORN).iterdir()) == ["one-2.mcap", "one.mcap", "two.mcap"]
    with pytest.raises(SetupError, match="ends as it should"):
        recover_partial(two)


def test_a_recovery_that_was_killed_is_taken_up_again(tmp_path):
    partial = left_behind(tmp_path, 4)
    content = partial.read_bytes()
    (tmp_path / ".partial" / "one.mcap.recovering").write_bytes(b"half")
    path = recover_partial(partial)
    whole = path.read_bytes()
    partial.write_bytes(content)  # as if killed before the partial file was set aside
    assert recover_partial(partial) == path and path.read_bytes() == whole
    assert not partial.exists() and partial_paths(tmp_path) == []


def test_what_cannot_be_recovered_is_said_and_kept(tmp_path):
    with pytest.raises(SetupError, match="No such file"):
        recover_partial(tmp_path / ".partial" / "none.mcap")
    partial = left_behind(tmp_path, 3, flush=False)  # the chunk was never finished
    content = partial.read_bytes()
    with pytest.raises(SetupError, match="no whole step"):
        recover_partial(partial)
    assert partial.read_bytes() == content and episode_paths(tmp_path) == []
    assert set_aside(partial).read_bytes() == content and partial_paths(tmp_path) == []


def test_a_recording_that_goes_on_is_left_alone(tmp_path):
    writer = EpisodeWriter(tmp_path, "one", ROBOT, {})
    writer.add(0, observation(0), HOLD, HOLD)
    writer.file.flush()
    (partial,) = partial_paths(tmp_path)
    with pytest.raises(SetupError, match="being written"):
        recover_partial(partial)
    with pytest.raises(SetupError, match="being written"):
        EpisodeWriter(tmp_path, "one", ROBOT, {})
    assert verify_episode(writer.close({})) == []


def test_a_killed_process_loses_no_flushed_step_and_its_claim(tmp_path):
    program = textwrap.dedent("""
        import sys, time
        sys.path.insert(0, "tests/data")
        from test_recovery import HOLD, ROBOT, observation
        from gato_ros.data.episodes.episode import EpisodeWriter
        writer = EpisodeWriter(sys.argv[1], "one", ROBOT, {})
        for step in range(1000):
            writer.add(step, observation(step), HOLD, HOLD)
            writer.file.flush()
            print(step, flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if line == "30\n":
            os.kill(child.pid, signal.SIGKILL)
            break
    said = int((["30", *child.stdout.read().split()])[-1])
    child.wait()
    path = recover_partial(*partial_paths(tmp_path))
    assert verify_episode(path) == [] and len(read_episode(path).steps) >= said + 1


def test_a_full_disk_leaves_whole_chunks_and_the_reserve_finishes_the_file(tmp_path):
    """The write seam: RLIMIT_FSIZE makes the kernel refuse more bytes, as a full disk does."""
    program = textwrap.dedent("""
        import resource, sys
        sys.path.insert(0, "tests/data")
        from test_recovery import HOLD, ROBOT, observation
        from gato_ros.data.episodes.episode import EpisodeWriter
        writer = EpisodeWriter(sys.argv[1], "one", ROBOT, {}, reserve_bytes=100_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        try:
            for step in range(1000):
                writer.add(step, observation(step), HOLD, HOLD)
                writer.file.flush()
        except OSError as error:
            # Room comes back, as when the reserve is released.
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            writer.close({"end": "disk_full"})
            print(step, error.errno)
    """)
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    step, (path,) = int(done.stdout.split()[0]), episode_paths(tmp_path)
    assert verify_episode(path) == [] and len(read_episode(path).steps) == step + 1
    assert not list((tmp_path / ".partial").iterdir())
