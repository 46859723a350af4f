"""Reads a dataset with LeRobot's own code, in LeRobot's own environment, and says what it found as JSON."""

import json
import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

dataset = LeRobotDataset("local/export", root=sys.argv[1], delta_timestamps={"action": [-0.05, 0.0, 0.05]})
cameras = sorted(dataset.meta.camera_keys)
rows = []
for number in range(len(dataset)):
    item = dataset[number]
    rows.append(
        {
            "task": item["task"],
            "action": item["action"][1].tolist(),
            "state": item["observation.state"].tolist(),
            "before": item["action"][0].tolist(),
            "done": bool(item["next.done"]),
            "success": bool(item["next.success"]),
            "source": item["command_source"],
            "episode": int(item["episode_index"]),
            "pixels": [
                (255 * item[key].numpy()).round().astype(np.uint8).transpose(1, 2, 0).tolist() for key in cameras
            ],
        }
    )
print(
    json.dumps(
        {
            "cameras": cameras,
            "fps": dataset.fps,
            "episodes": dataset.num_episodes,
            "rows": rows,
            "state_names": dataset.meta.features["observation.state"]["names"],
            "mean": dataset.meta.stats["action"]["mean"].tolist(),
            "stats": sorted(dataset.meta.stats[cameras[0]]) if cameras else [],
        }
    )
)
