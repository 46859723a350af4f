"""Small files that the formats' own libraries made, kept in `made_by_others`, become episodes.

How each was made is said at the top of the program beside it.
"""

from pathlib import Path

import numpy as np
import pytest

from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.imports.episode import shown
from gato_ros.data.imports.mapping import ImportMapping, Pick
from gato_ros.data.imports.run import import_all, open_source
from gato_ros.embodiments.pictures.camera import Camera
from gato_ros.embodiments.pictures.fit import fitted_depth
from tests.data.made_by_others import lerobot_writer, rlds_writer
from tests.data.recordings import ROBOT

MADE = Path(__file__).with_name("made_by_others")
LEFT, RIGHT = ROBOT.image_keys


def test_a_dataset_that_lerobot_wrote_is_imported(tmp_path):
    pytest.importorskip("pyarrow")
    place = MADE / "lerobot_0_6"
    mapping = ImportMapping.model_validate(
        {
            "observations": {
                "sawyer/pinch/pose": {"from": "observation.state", "index": list(lerobot_writer.STATE[:7])},
                "gripper/opening": {"from": "observation.state", "index": ["opening"], "scale": 0.085},
                LEFT: {"from": "observation.images.left"},
                RIGHT: {"from": "observation.images.right"},
            },
            "action": {
                "twist": {"from": "action", "index": ["dx", "dy", "dz", "dyaw"], "scale": 0.2},
                "gripper": {"from": "action", "index": ["grip"], "scale": 0.085},
            },
        }
    )
    found = import_all(open_source("lerobot", place), "lerobot", place, mapping, ROBOT, tmp_path / "in")
    assert (found.episodes, found.steps, found.left_out) == (2, sum(lerobot_writer.EPISODES), {})
    for number, path in enumerate(episode_paths(tmp_path / "in")):
        episode = read_episode(path)
        assert episode.metadata["task_text"] == lerobot_writer.TASK
        for row in range(lerobot_writer.EPISODES[number]):
            state, action = (call(number, row) for call in (lerobot_writer.state, lerobot_writer.action))
            np.testing.assert_array_equal(episode.values["sawyer/pinch/pose"][row], state[:7])
            np.testing.assert_allclose(episode.values["gripper/opening"][row], 0.085 * state[7:], rtol=1e-6)
            np.testing.assert_allclose(episode.actions[row], action * np.float32([0.2] * 4 + [0.085]), atol=1e-7)
            for camera, key in enumerate((LEFT, RIGHT)):
                shown = episode.values[key][row].astype(int)
                # Its own picture: the next one is 8 brighter.
                assert np.abs(shown - lerobot_writer.picture(number, row, camera)).mean() < 3


def test_tf_records_of_another_library_are_imported(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    place = MADE / "rlds/1.0.0"
    source = open_source("rlds", place)
    mapping = ImportMapping.model_validate(
        {
            "observations": {
                "sawyer/pinch/pose": {"from": "observation/state", "index": list(range(7))},
                "gripper/opening": {"from": "observation/state", "index": [7], "scale": 0.085},
                LEFT: {"from": "observation/image"},
                RIGHT: {"from": "observation/image"},
            },
            "action": {
                "twist": {"from": "action", "index": [0, 1, 2, 3], "scale": 0.2},
                "gripper": {"from": "action", "index": [4], "scale": 0.085},
            },
            "rate_hz": 20,
        }
    )
    found = import_all(source, "rlds", place, mapping, ROBOT, tmp_path / "in")
    assert (found.episodes, found.steps, found.left_out) == (2, sum(rlds_writer.EPISODES), {})
    for number, path in enumerate(episode_paths(tmp_path / "in")):
        episode = read_episode(path)
        assert episode.metadata["task_text"] == rlds_writer.TASK
        for row in range(rlds_writer.EPISODES[number]):
            state, action = (call(number, row) for call in (rlds_writer.state, rlds_writer.action))
            np.testing.assert_array_equal(episode.values["sawyer/pinch/pose"][row], state[:7])
            np.testing.assert_allclose(episode.actions[row], action * np.float32([0.2] * 4 + [0.085]), atol=1e-7)
            np.testing.assert_array_equal(episode.values[LEFT][row], rlds_writer.picture(number, row))


def test_depth_of_tf_records_is_shown_as_from_a_live_camera():
    pytest.importorskip("tensorflow_datasets")
    source = open_source("rlds", MADE / "rlds/1.0.0")
    channel = ROBOT.cameras[LEFT].model_copy(update={"camera": Camera(height=128, width=128, depth_m=(0.5, 1.5))})
    episode = source.episode(source.names()[1])
    for row, pictures in enumerate(episode.pictures(["observation/depth"])):
        millimetres = rlds_writer.depth(1, row)
        np.testing.assert_array_equal(pictures["observation/depth"], millimetres)
        live = fitted_depth(millimetres.astype(np.float32) * np.float32(1e-3), channel.camera, 128, 128)
        found = shown(pictures["observation/depth"], channel, Pick.model_validate({"from": "observation/depth"}))
        np.testing.assert_array_equal(found, live)
