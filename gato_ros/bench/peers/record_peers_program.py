"""One recorder as a process that is killed: writes episodes of made-up frames, or reads back what is left of them.

    PYTHON bench_record_peers_program.py '{"side": "lerobot", "do": "write", "root": "...", "steps": 40, ...}'

The side `lerobot` runs under its own Python and needs nothing of ours. Each side records as its documentation has it;
a line `step EPISODE STEP MILLISECONDS` on the standard output follows every call that took a frame.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

CAMERAS = ("left", "right")
SIZE = 128


def frames(seed: int):
    """Endless: two pictures uint8 [128 128 3] of a texture that wanders, 8 numbers of the arm, 5 of the action."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (SIZE // 8, SIZE // 8, 3)).repeat(8, 0).repeat(8, 1)
    texture = np.clip(coarse + rng.integers(0, 8, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
    step = 0
    while True:
        pictures = {name: np.roll(texture, (3 * step, 5 * step + 7 * i), (0, 1)) for i, name in enumerate(CAMERAS)}
        yield pictures, rng.uniform(-1, 1, 8).astype(np.float32), rng.uniform(-0.05, 0.05, 5).astype(np.float32)
        step += 1


class LeRobot:
    """LeRobotDataset with videos, as `lerobot-record` makes it: frames first, encoded when the episode ends."""

    def __init__(self, root: Path, fps: int):
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        vector = lambda size: {"dtype": "float32", "shape": (size,), "names": [f"v{i}" for i in range(size)]}
        features = {
            f"observation.images.{name}": {
                "dtype": "video",
                "shape": (SIZE, SIZE, 3),
                "names": ["height", "width", "channels"],
            }
            for name in CAMERAS
        }
        features |= {"observation.state": vector(8), "action": vector(5)}
        self._dataset = LeRobotDataset.create(
            "local/kill", fps, features=features, root=root, use_videos=True, image_writer_threads=4 * len(CAMERAS)
        )

    def begin(self, episode: int) -> None:
        pass

    def add(self, step: int, pictures, state, action) -> None:
        images = {f"observation.images.{name}": picture for name, picture in pictures.items()}
        self._dataset.add_frame({**images, "observation.state": state, "action": action, "task": "stack"})

    def end(self) -> None:
        self._dataset.save_episode()

    def close(self) -> None:
        self._dataset.finalize()

    @staticmethod
    def read(root: Path) -> dict[int, int]:
        """Episode -> frames that load."""
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        dataset = LeRobotDataset("local/kill", root=root)
        found: dict[int, int] = {}
        for i in range(len(dataset)):
            episode = int(dataset[i]["episode_index"])
            found[episode] = found.get(episode, 0) + 1
        return found


class GatoRos:
    """EpisodeWriter, flushed step by step as recorder_node does; read back after `recover_partial`."""

    def __init__(self, root: Path, fps: int):
        from gato_ros.embodiments import load_embodiment

        self._root, self._fps, self._robot = root, fps, load_embodiment()

    def begin(self, episode: int) -> None:
        from gato_ros.data.episodes.episode import EpisodeWriter

        self._writer = EpisodeWriter(self._root, f"{episode:04d}", self._robot, {"task": "stack"})

    def add(self, step: int, pictures, state, action) -> None:
        from gato_ros.core.arm_action import ArmAction
        from gato_ros.core.observation import Observation

        values = dict(zip(self._robot.image_keys, pictures.values()))
        values |= {"sawyer/joints/angle": state[:7], "gripper/opening": state[7:]}
        action = ArmAction.from_vector(action)
        self._writer.add(step, Observation(values, step / self._fps), action, action, tick={"source": "human"})
        self._writer.file.flush()

    def end(self) -> None:
        self._writer.close({"success": True})

    def close(self) -> None:
        """Every episode is whole already."""

    @staticmethod
    def read(root: Path) -> dict[int, int]:
        from gato_ros.core.errors import SetupError
        from gato_ros.data.episodes.episode import episode_paths, read_episode
        from gato_ros.data.episodes.recovery import partial_paths, recover_partial

        for path in partial_paths(root):
            try:
                recover_partial(path)
            except SetupError as error:
                print(error, file=sys.stderr)
        return {int(path.stem): len(read_episode(path).steps) for path in episode_paths(root)}


SIDES = {"lerobot": LeRobot, "gato_ros": GatoRos}


def main() -> None:
    given = json.loads(sys.argv[1])
    side, root = SIDES[given["side"]], Path(given["root"])
    if given["do"] == "read":
        print("found", json.dumps(side.read(root)), flush=True)
        return
    recorder, source = side(root, given["fps"]), frames(given["seed"])
    print("ready", flush=True)
    for episode in range(given["episodes"]):
        recorder.begin(episode)
        due_s = time.monotonic()
        for step in range(given["steps"]):
            frame = next(source)
            began_s = time.perf_counter()
            recorder.add(step, *frame)
            print("step", episode, step, round(1e3 * (time.perf_counter() - began_s), 4), flush=True)
            due_s += 1.0 / given["fps"]
            time.sleep(max(0.0, due_s - time.monotonic()))
        began_s = time.perf_counter()
        recorder.end()
        print("end", episode, round(1e3 * (time.perf_counter() - began_s), 2), flush=True)
    recorder.close()


if __name__ == "__main__":
    main()
