"""A LeRobot dataset of an SO-101, in degrees and percent, becomes episodes of joint positions; and exports of ours."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.sensing.rotation_kinds import rotation_values
from gato_ros.data.checks.verification import inspect_episode
from gato_ros.data.episodes.episode import EpisodeWriter, episode_paths, read_episode
from gato_ros.data.exports.selection import select
from gato_ros.data.imports.mapping import ImportMapping
from gato_ros.data.imports.run import import_all, open_source, robot_of_source
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics

SO101 = load_embodiment("so101_rgb_stacking")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "so101.md"
MOTORS = [f"{name}.pos" for name in (*SO101.arm.joints, "gripper")]
STEPS, FPS = 45, 30
pytest.importorskip("pyarrow")


def page_mapping() -> dict:
    """The mapping that the page gives to owners of a LeRobot dataset."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (found,) = (block for block in blocks if "observation.state" in block)
    return yaml.safe_load(found)


def measured(step: int) -> np.ndarray:
    """Degrees of five joints, percent of the gripper: as LeRobot's follower reports them."""
    return np.array([2.0 * np.sin(step / 9), -10.6, 31.5, 69.2, step / 3, 100.0 if step < 10 else 20.0], np.float32)


def lerobot_dataset(folder: Path, change=lambda rows: None) -> Path:
    """One episode as LeRobot 2.1 writes it, with pictures as PNGs."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    state = np.stack([measured(step) for step in range(STEPS)])
    action = np.stack([measured(step + 2) for step in range(STEPS)])
    change(action)
    pictures = {}
    for place, name in enumerate(("front", "wrist")):
        png = cv2.imencode(".png", np.full((480, 640, 3), 40 + 100 * place, np.uint8))[1].tobytes()
        pictures[f"observation.images.{name}"] = [{"bytes": png, "path": None}] * STEPS
    table = arrow.table(
        {
            "observation.state": state.tolist(),
            "action": action.tolist(),
            **pictures,
            "timestamp": (np.arange(STEPS) / FPS).tolist(),
            "episode_index": [0] * STEPS,
            "task_index": [0] * STEPS,
        }
    )
    (folder / "data/chunk-000").mkdir(parents=True)
    parquet.write_table(table, folder / "data/chunk-000/episode_000000.parquet")
    motors = {"dtype": "float32", "shape": [6], "names": MOTORS}
    picture = {"dtype": "image", "shape": [480, 640, 3], "names": ["height", "width", "channels"]}
    number = {"dtype": "float32", "shape": [1], "names": None}
    (folder / "meta").mkdir()
    info = {
        "codebase_version": "v2.1",
        "robot_type": "so101_follower",
        "fps": FPS,
        "chunks_size": 1000,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "features": {
            "observation.state": motors,
            "action": motors,
            **dict.fromkeys(pictures, picture),
            "timestamp": number,
            "episode_index": {**number, "dtype": "int64"},
            "task_index": {**number, "dtype": "int64"},
        },
    }
    (folder / "meta/info.json").write_text(json.dumps(info))
    row = {"episode_index": 0, "length": STEPS, "tasks": ["red cube on blue cube"]}
    (folder / "meta/episodes.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def imported(place: Path, out: Path, mapping: dict):
    source = open_source("lerobot", place)
    robot = robot_of_source(source, SO101.name)
    return import_all(source, "lerobot", place, ImportMapping.model_validate(mapping), robot, out)


def test_a_dataset_of_an_so101_is_mapped_as_its_page_says(tmp_path):
    found = imported(lerobot_dataset(tmp_path / "set"), tmp_path / "in", page_mapping())
    assert (found.episodes, found.left_out) == (1, {})
    (path,) = episode_paths(tmp_path / "in")
    episode = read_episode(path)
    rows = np.floor(np.arange(len(episode.steps)) / SO101.control_rate_hz * FPS + 1e-6).astype(int)
    state, action = (np.stack([measured(row + ahead) for row in rows]) for ahead in (0, 2))
    np.testing.assert_allclose(episode.values["so101/joints/angle"], np.deg2rad(state[:, :5]), atol=1e-5)
    np.testing.assert_allclose(episode.actions[:, :5], np.deg2rad(action[:, :5]), atol=1e-5)
    # 100 percent is further than what is called open here; 20 percent are 12 degrees of the jaw.
    closed, opened = SO101.gripper.joint_range_rad
    share = (np.deg2rad(-10 + 0.2 * 110) - closed) / (opened - closed)
    np.testing.assert_allclose(episode.actions[:3, 5], SO101.gripper.stroke_m)
    np.testing.assert_allclose(episode.actions[-3:, 5], share * SO101.gripper.stroke_m, atol=1e-4)
    np.testing.assert_allclose(episode.values["gripper/opening"][:3, 0], SO101.gripper.stroke_m)
    assert episode.metadata["task"] == "red cube on blue cube" and not episode.values["gripper/grasp"].any()
    # The tool's pose, which no such dataset has, is that of the joints.
    kinematics = Kinematics(SO101)
    for row in (0, -1):
        tool = kinematics.tool(episode.values["so101/joints/angle"][row].astype(np.float64))
        wanted = np.append(tool.position, rotation_values(tool.rotation, "quaternion"))
        np.testing.assert_allclose(episode.values["so101/pinch/pose"][row], wanted, atol=1e-6)
    assert {key: int(episode.values[key].mean()) for key in SO101.image_keys} == {
        "front/pixels": 40,
        "wrist/pixels": 140,
    }
    assert not [one for one in inspect_episode(path, SO101).problems if one.kind.endswith("_range")]


def test_targets_out_of_range_are_left_out_unless_they_may_be_clipped(tmp_path):
    def far(action):
        action[6, 4] = 175.0  # LeRobot lets the roll turn a whole turn

    place, mapping = lerobot_dataset(tmp_path / "set", far), page_mapping()
    assert imported(place, tmp_path / "in", mapping).episodes == 1
    (path,) = episode_paths(tmp_path / "in")
    assert read_episode(path).actions[:, 4].max() == pytest.approx(SO101.action_upper[4])
    mapping["action"]["arm"]["clip"] = False
    assert imported(place, tmp_path / "strict", mapping).left_out == {"wrist_roll_rad out of the contract's range": 1}


def test_targets_are_made_of_the_next_state_where_there_are_no_commands(tmp_path):
    mapping = page_mapping()
    mapping["action"]["arm"] |= {"from": "observation.state", "of": "next_state"}
    assert imported(lerobot_dataset(tmp_path / "set"), tmp_path / "in", mapping).episodes == 1
    episode = read_episode(episode_paths(tmp_path / "in")[0])
    np.testing.assert_allclose(episode.actions[:-1, :5], episode.values["so101/joints/angle"][1:], atol=1e-6)


@pytest.mark.parametrize(
    ("robot", "action", "said"),
    [
        (SO101.name, {"twist": {"from": "action"}, "gripper": {"from": "action"}}, "action.arm in the mapping"),
        ("sawyer_rgb_stacking", {"arm": {"from": "action"}, "gripper": {"from": "action"}}, "action.twist in the map"),
        ("ur5e_rgb_stacking", {"arm": {"from": "a", "of": "next_state"}, "gripper": {"from": "a"}}, "of: next_state"),
    ],
)
def test_an_action_of_another_kind_is_refused_in_one_line(tmp_path, robot, action, said):
    source, mapping = open_source("lerobot", lerobot_dataset(tmp_path / "set")), {**page_mapping(), "action": action}
    with pytest.raises(SetupError, match=said):
        import_all(
            source, "lerobot", tmp_path, ImportMapping.model_validate(mapping), load_embodiment(robot), tmp_path / "in"
        )


def test_what_moves_the_arm_is_named_once():
    both = {"from": "action"}
    for action in ({"gripper": both}, {"twist": both, "arm": both, "gripper": both}):
        with pytest.raises(ValueError, match="one of the two"):
            ImportMapping.model_validate({**page_mapping(), "action": action})


def test_an_export_of_ours_comes_back_with_its_joint_positions(tmp_path):
    from gato_ros.data.exports.lerobot import export_lerobot

    rng, actions = np.random.default_rng(0), []
    with EpisodeWriter(tmp_path, "x", SO101, {"task": "t"}) as writer:
        for step in range(6):
            values = {key: np.zeros((128, 128, 3), np.uint8) for key in SO101.image_keys}
            values |= {"gripper/opening": np.full(1, 0.01, np.float32), "so101/joints/angle": np.zeros(5, np.float32)}
            drawn = rng.uniform(SO101.action_lower, SO101.action_upper)
            actions.append(Action.of_vector(drawn, SO101.spec.actions))
            writer.add(step, Observation(values, step / 20), actions[-1], actions[-1])
        path = writer.close({"success": True})
    export_lerobot(select([path]), tmp_path / "set", "png")
    source = open_source("lerobot", tmp_path / "set")
    robot = robot_of_source(source, "")
    assert robot.digest == SO101.digest
    assert import_all(source, "lerobot", tmp_path / "set", None, robot, tmp_path / "in").steps == 6
    back = read_episode(episode_paths(tmp_path / "in")[0])
    np.testing.assert_allclose(back.actions, np.stack([one.as_vector() for one in actions]), rtol=1e-6)
