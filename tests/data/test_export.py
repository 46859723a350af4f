"""Exports are read back by the libraries of those who will use them, and hold what the recordings hold."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.episode import read_episode
from gato_ros.data.episodes.label import add_label
from gato_ros.data.exports.selection import select, value_names, write_whole
from tests.data.recordings import FACTS, OPERATED, ROBOT, write

KEY = "basket_front_left/pixels"
SEVEN_STEPS = 90_000
"""Bytes of an example between those of four steps and of seven."""
READER = Path(__file__).with_name("lerobot_reader.py")
LEROBOT_PYTHON = os.environ.get("LEROBOT_PYTHON", ".venv-peer-lerobot-reader/bin/python")
"""An environment with LeRobot and torch; `make export-readers` makes it."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two episodes of 7 and 4 steps, one with an intervention, as files and read back."""
    folder = tmp_path_factory.mktemp("recorded")
    paths = [
        write(folder, "a", range(7), OPERATED, source=lambda step: "policy" if step < 3 else "human"),
        write(folder, "b", range(4)),
    ]
    return paths, [read_episode(path) for path in paths]


def test_hdf5_is_what_h5py_finds_in_robomimics_places(recorded, tmp_path):
    h5py = pytest.importorskip("h5py", reason="the extra `hdf5` is not installed")
    from gato_ros.data.exports.hdf5 import export_hdf5

    paths, episodes = recorded
    assert export_hdf5(select(paths), tmp_path / "x.hdf5") == 11
    with h5py.File(tmp_path / "x.hdf5") as file:
        assert file["data"].attrs["total"] == 11
        assert json.loads(file["data"].attrs["env_args"])["env_name"] == ROBOT.name
        assert [name.decode() for name in file["mask/train"]] == ["demo_0", "demo_1"]
        for number, episode in enumerate(episodes):
            demo = file[f"data/demo_{number}"]
            assert demo.attrs["num_samples"] == len(episode.steps) and demo.attrs["success"] == "yes"
            np.testing.assert_array_equal(demo["actions"], episode.actions)
            np.testing.assert_array_equal(demo["executed_actions"], episode.executed)
            for key, values in episode.values.items():
                np.testing.assert_array_equal(demo["obs"][key.replace("/", "_")], values)
            np.testing.assert_allclose(demo["stamps_s"], episode.stamps_s - episode.stamps_s[0])
            assert demo["dones"][:].tolist() == demo["rewards"][:].tolist() == [0] * (len(episode.steps) - 1) + [1]
        assert file["data/demo_0"].attrs["task"] == OPERATED["task_text"]
        assert list(file["data/demo_0/obs/sawyer_joints_angle"].attrs["names"])[6] == "sawyer/joints/angle/right_j6"
        assert file["data/demo_0/command_source"][:].tolist() == [b"policy"] * 3 + [b"human"] * 4


@pytest.mark.parametrize("streamed, files", [(0, 1), (1, 2), (2, 2)])
def test_rlds_is_what_tensorflow_datasets_finds(recorded, tmp_path, monkeypatch, streamed, files):
    """With none, the longer, or both of the episodes too large for the library: streamed, each in a file of its own."""
    tfds = pytest.importorskip("tensorflow_datasets", reason="the extra `rlds` is not installed")
    from gato_ros.data.exports import split_files
    from gato_ros.data.exports.rlds import export_rlds

    paths, episodes = recorded
    streams, write_one = [], split_files.write_one_record
    monkeypatch.setattr(split_files, "write_one_record", lambda *one: (streams.append(one), write_one(*one)))
    monkeypatch.setattr(split_files, "LIBRARY_BYTES", (2**28, SEVEN_STEPS, 0)[streamed])
    assert export_rlds(select(paths), tmp_path / "rlds") == 11
    assert len(streams) == streamed and len(list((tmp_path / "rlds").glob("*.array_record*"))) == files
    assert not [path for path in (tmp_path / "rlds").iterdir() if path.suffix == ".records"]
    builder = tfds.builder_from_directory(tmp_path / "rlds")
    assert builder.info.splits["train"].num_examples == 2 and ROBOT.digest in builder.info.description
    for episode, found in zip(episodes, builder.as_data_source("train"), strict=True):
        steps = list(found["steps"])
        assert len(steps) == len(episode.steps) and found["episode_metadata"]["success"] == b"yes"
        for row, step in enumerate(steps):
            np.testing.assert_array_equal(step["action"], episode.actions[row])
            np.testing.assert_array_equal(step["executed_action"], episode.executed[row])
            for key, values in episode.values.items():
                np.testing.assert_array_equal(step["observation"][key.replace("/", "_")], values[row])
            assert (step["is_first"], step["is_last"]) == (row == 0, row == len(steps) - 1)
        assert steps[-1]["reward"] == 1 and steps[-1]["is_terminal"] and steps[0]["discount"] == 1
    assert [step["command_source"] for step in builder.as_data_source("train")[0]["steps"]] == [b"policy"] * 3 + [
        b"human"
    ] * 4


@pytest.mark.parametrize("share, words", [(0.25, "by its first 1 steps"), (0.75, "by its first 1[4-7] steps")])
def test_rlds_refuses_an_episode_too_long_for_a_record(tmp_path, monkeypatch, share, words):
    pytest.importorskip("tensorflow_datasets", reason="the extra `rlds` is not installed")
    from gato_ros.data.exports import rlds as export_rlds

    selection = select([write(tmp_path, "a", range(20))])
    (take,) = selection.takes()
    whole = sum(len(export_rlds._png(pixels)) for pictures in take.pictures() for pixels in pictures.values())
    monkeypatch.setattr(export_rlds, "RECORD_BYTES", int(share * whole))
    with pytest.raises(SetupError, match=words):
        export_rlds.export_rlds(selection, tmp_path / "rlds")
    assert not list(tmp_path.glob("*rlds*"))


@pytest.mark.parametrize("pictures", ["mp4", "png"])
def test_lerobot_reads_its_dataset_with_its_own_code(recorded, tmp_path, pictures):
    pytest.importorskip("pyarrow", reason="the extra `lerobot` is not installed")
    if not Path(LEROBOT_PYTHON).exists():
        pytest.skip(f"no LeRobot at {LEROBOT_PYTHON}: `make export-readers` installs it, LEROBOT_PYTHON names another")
    from gato_ros.data.exports.lerobot import export_lerobot

    paths, episodes = recorded
    assert export_lerobot(select(paths), tmp_path / "set", pictures) == 11
    done = subprocess.run(
        [LEROBOT_PYTHON, READER, tmp_path / "set"],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["fps"], found["episodes"], len(found["rows"])) == (20, 2, 11)
    rows = [(number, row) for number, episode in enumerate(episodes) for row in range(len(episode.steps))]
    for (number, row), item in zip(rows, found["rows"], strict=True):
        episode = episodes[number]
        np.testing.assert_array_equal(np.float32(item["action"]), episode.actions[row])
        np.testing.assert_array_equal(np.float32(item["before"]), episode.actions[max(0, row - 1)])
        vectors = [episode.values[key][row] for key in sorted(episode.values) if episode.values[key].ndim == 2]
        np.testing.assert_array_equal(np.float32(item["state"]), np.concatenate(vectors))
        assert item["episode"] == number and item["done"] == item["success"] == (row == len(episode.steps) - 1)
        for key, pixels in zip(sorted(ROBOT.image_keys), item["pixels"], strict=True):
            difference = np.abs(np.array(pixels, int) - episode.values[key][row])
            assert difference.max() == 0 if pictures == "png" else difference.mean() < 4
    assert [item["task"] for item in found["rows"]] == [OPERATED["task_text"]] * 7 + [FACTS["task"]] * 4
    assert [item["source"] for item in found["rows"]] == ["policy"] * 3 + ["human"] * 4 + ["expert"] * 4
    together = np.concatenate([episode.actions for episode in episodes])
    np.testing.assert_allclose(found["mean"], together.mean(0), atol=1e-6)
    assert {"q01", "q99", "std"} <= set(found["stats"]) and "sawyer/joints/angle/right_j0" in found["state_names"]


def test_a_camera_of_odd_size_goes_as_png_only(recorded):
    from gato_ros.data.exports.lerobot import features

    selection = select(recorded[0])
    take = replace(next(selection.takes()), cameras={KEY: (95, 128, 3)})
    assert features(selection, take, "png")["observation.images.basket_front_left"]["shape"] == [95, 128, 3]
    with pytest.raises(SetupError, match="128x95; export with --pictures png"):
        features(selection, take, "mp4")


def test_what_would_not_be_true_is_left_out_with_its_reason(tmp_path):
    whole = write(tmp_path, "a")
    add_label(write(tmp_path, "b"), verdict="fail")
    write(tmp_path, "c", outcome={"success": False})
    write(tmp_path, "d", facts={**FACTS, "image_share": 0.5}, rendered=lambda step: step % 2 == 0)
    cut = write(tmp_path, "e")
    cut.write_bytes(cut.read_bytes()[:-20])
    paths = sorted(tmp_path.glob("*.mcap"))
    selection = select(paths)
    assert [one.path for one in selection.summaries] == [whole] and len(list(selection.takes())) == 1
    reasons = [selection.left_out[str(path)] for path in paths[1:]]
    assert reasons[:3] == ["a failure", "a failure", "pictures at 6 of 12 steps"] and "not readable" in reasons[3]
    assert [one.path.stem for one in select(paths, images=False, failures=True).summaries] == ["a", "b", "c", "d"]
    with pytest.raises(SetupError, match="a failure"):
        select(paths[1:3])


def test_missing_steps_are_refused_before_anything_is_written(tmp_path):
    gap = write(tmp_path, "gap", steps=[0, 1, 3])
    with pytest.raises(SetupError, match=r"gap.mcap: everything dropped at 1 steps: 2"):
        select([gap])


def test_an_export_is_whole_or_absent(tmp_path):
    def fail(path):
        path.mkdir()
        (path / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "out", fail)
    assert list(tmp_path.iterdir()) == []
    write_whole(tmp_path / "out", lambda path: path.write_text("x"))
    with pytest.raises(SetupError, match="something is there"):
        write_whole(tmp_path / "out", lambda path: path.write_text("y"))
    assert (tmp_path / "out").read_text() == "x"


def test_values_are_called_by_their_names():
    assert value_names(ROBOT, "gripper/opening", 1) == ["gripper/opening"]
    assert value_names(ROBOT, "sawyer/pinch/pose", 7)[-1] == "sawyer/pinch/pose/qw"
