"""Episodes as sequences and as prompts: what was done, in order, with images where they were recorded."""

import shutil

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.cache_place import BESIDE
from gato_ros.data.episodes.episode import EpisodeWriter, read_episode
from gato_ros.data.episodes.prompt import prompt_files, read_prompt
from gato_ros.data.episodes.recording import load_recordings
from gato_ros.data.frame_cache import frame_parts
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.privileged import with_privileged

ROBOT = load_embodiment()
KEYS = (*ROBOT.image_keys, "gripper/opening")
FACTS = {"task": "red_on_blue", "object_set": "cubes", "driver": "expert"}


def write(folder, name, rendered, steps=6, robot=ROBOT, outcome=None):
    with EpisodeWriter(folder, name, robot, FACTS) as writer:
        for step in range(steps):
            values = {
                key: np.full(channel.shape, step, np.uint8 if channel.kind == "image" else np.float32)
                for key, channel in robot.observations.items()
                if channel.kind != "image" or step in rendered
            }
            label = ArmAction(np.full(4, 0.01 * step), 0.085)
            writer.add(step, Observation(values, step / 20), label, ArmAction(np.full(4, -0.01 * step), 0.0))
        return writer.close(outcome or {"success": True})


def test_a_recording_keeps_order_labels_and_what_was_done_and_reads_the_episode_once(tmp_path, monkeypatch):
    write(tmp_path, "a", rendered=(0, 1, 4))
    write(tmp_path, "b", rendered=range(6), outcome={"success": False})
    write(tmp_path, "c", rendered=(5,), outcome={"return": 0.4, "success": True})
    write(tmp_path, "d", rendered=())
    for again in (False, True):
        found = load_recordings(tmp_path)
        assert [one.steps.tolist() for one in found] == [[0, 1, 4], list(range(6)), [5]]
        assert [one.length for one in found] == [6, 6, 6] and [one.outcome for one in found] == [1.0, 0.0, 0.4]
        assert found[0].source == ("red_on_blue", "cubes", "expert")
        np.testing.assert_allclose(found[0].executed[:, 0], [0, -0.01, -0.04], atol=1e-6)
        np.testing.assert_allclose(found[0].frames.actions[:, 0], [0, 0.01, 0.04], atol=1e-6)
        assert (found[0].frames.pixels([2]) == 4).all()
        if not again:  # the second time from beside the episodes; single-step training finds its frames there, too
            monkeypatch.setattr("gato_ros.data.episodes.recording.open_episode", None)
            monkeypatch.setattr("gato_ros.data.frame_cache.open_episode", None)
    assert len(frame_parts(tmp_path)) == 3


def test_a_folder_without_episodes_and_a_cut_cache_are_named(tmp_path):
    with pytest.raises(SetupError, match="--image-share 1"):
        load_recordings(tmp_path)
    write(tmp_path, "a", rendered=range(6))
    load_recordings(tmp_path)
    for order in (tmp_path / BESIDE).glob("*.order.npz"):
        order.write_bytes(order.read_bytes()[:-30])
    with pytest.raises(SetupError, match="whole file"):
        load_recordings(tmp_path)


def test_a_prompt_is_what_the_policy_would_have_met(tmp_path):
    path = write(tmp_path, "a", rendered=range(6))
    first, last = (read_prompt(path, ROBOT, KEYS, 2, part) for part in ("start", "end"))
    assert [one.values["gripper/opening"][0] for one in (*first.observations, *last.observations)] == [0, 1, 4, 5]
    assert [int(one.values[ROBOT.image_keys[0]][0, 0, 0]) for one in last.observations] == [4, 5]
    assert set(first.observations[0].values) == set(KEYS)
    np.testing.assert_allclose([action.values["twist"][0] for action in last.actions], [-0.04, -0.05], atol=1e-6)
    assert str(last).startswith("a.mcap (the last 2 of 6 steps, sha256 ") and len(last.digest) == 64
    assert len(read_prompt(path, ROBOT, KEYS, 99)) == 6
    episode = read_episode(path)
    assert first.observations[1].stamp_s == episode.stamps_s[1]


def test_prompts_without_images_or_of_another_contract_are_refused(tmp_path):
    path = write(tmp_path, "a", rendered=(0, 1, 2))
    assert len(read_prompt(path, ROBOT, KEYS, 3)) == 3
    with pytest.raises(SetupError, match="last 3 steps .* 3 without"):
        read_prompt(path, ROBOT, KEYS, 3, "end")
    assert len(read_prompt(path, ROBOT, ("gripper/opening",), 3, "end")) == 3
    other = with_privileged(ROBOT)
    with pytest.raises(SetupError, match="recorded with the contract"):
        read_prompt(path, other, KEYS, 3)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SetupError, match="truncated"):
        read_prompt(cut, ROBOT, KEYS, 1)


def test_prompt_files_are_one_episode_or_those_of_a_folder(tmp_path):
    paths = [write(tmp_path, name, rendered=()) for name in ("b", "a")]
    assert prompt_files(tmp_path) == sorted(paths) and prompt_files(paths[0]) == [paths[0]]
    shutil.rmtree(tmp_path / BESIDE, ignore_errors=True)
    (tmp_path / "empty").mkdir()
    for place in ("empty", "nowhere"):
        with pytest.raises(SetupError, match="an episode, or a folder"):
            prompt_files(tmp_path / place)
