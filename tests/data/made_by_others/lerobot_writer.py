"""Writes the dataset `lerobot_0_6` with LeRobot's own code: `LEROBOT_PYTHON lerobot_writer.py FOLDER`.

Made with LeRobot 0.6.1, Python 3.12: films of its own encoder, tables and metadata of its own writer.
"""

import sys

import numpy as np

EPISODES, CAMERAS = (12, 15), ("left", "right")
STATE = ("x", "y", "z", "qx", "qy", "qz", "qw", "opening")
ACTION = ("dx", "dy", "dz", "dyaw", "grip")
TASK = "put the red block on the blue block"


def state(episode: int, step: int) -> np.ndarray:
    """[8] float32."""
    return np.float32([0.5 + 0.001 * step, 0.01 * episode, 0.1, 1.0, 0.0, 0.0, 0.0, 0.5 + 0.01 * step])


def action(episode: int, step: int) -> np.ndarray:
    """[5] float32."""
    return np.float32([0.1, -0.1, 0.001 * step, 0.2 * episode, step % 2])


def picture(episode: int, step: int, camera: int) -> np.ndarray:
    """uint8 [128 128 3]: a ramp that tells step and camera apart, and that a film keeps."""
    ramp = np.linspace(20, 120, 128, dtype=np.uint8)
    grey = ramp[None, :] + np.uint8(8 * step + 5 * episode)
    grey = grey.T if camera else grey
    return np.repeat(np.broadcast_to(grey, (128, 128))[:, :, None], 3, 2)


def main() -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    features = {
        "observation.state": {"dtype": "float32", "shape": (len(STATE),), "names": list(STATE)},
        "action": {"dtype": "float32", "shape": (len(ACTION),), "names": list(ACTION)},
    }
    for name in CAMERAS:
        features[f"observation.images.{name}"] = {
            "dtype": "video",
            "shape": (128, 128, 3),
            "names": ["height", "width", "channels"],
        }
    dataset = LeRobotDataset.create("local/made", fps=20, features=features, root=sys.argv[1], robot_type="arm")
    for episode, steps in enumerate(EPISODES):
        for step in range(steps):
            frame = {"observation.state": state(episode, step), "action": action(episode, step), "task": TASK}
            frame |= {f"observation.images.{name}": picture(episode, step, i) for i, name in enumerate(CAMERAS)}
            dataset.add_frame(frame)
        dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main()
