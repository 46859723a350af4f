"""How much memory reading, exporting and learning take, and whether it grows with the length of an episode.

Two episodes of two VGA cameras, one short and one long, go through each verb in a process of its own. The pictures
move and are simple, so that the files stay small; ten minutes of them are 22 GB of pixels all the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.bounds import Positive
from gato_ros.core.errors import SetupError

HEIGHT, WIDTH, RATE_HZ = 480, 640, 20
CONTRACT = "two_vga_cameras"
BAR_MIB = 1024
SHORT_SHARE = 10
"""The other episode is so many times shorter."""


@dataclass(frozen=True)
class Options:
    """How long, and which verbs."""

    minutes: Positive = 10.0
    """Of the long episode."""
    verbs: tuple[str, ...] = ("verify", "stats", "view", "film", "hdf5", "lerobot", "png", "rlds", "train")
    """`hdf5`, `lerobot`, `png` (LeRobot with PNGs) and `rlds` are exports, `film` is `view --format mp4`."""
    json: Path | None = Path("out/bench/memory.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Measure; ok when no verb takes more than BAR_MIB."""
    from gato_ros.evaluation.progress import counted

    if unknown := sorted(set(options.verbs) - set(Options.verbs)):
        raise SetupError(expected=f"--verbs of {Options.verbs}", got=", ".join(unknown), fix="see --help")
    rows: dict[str, dict[str, Any]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="gato_ros_memory_") as place,
        counted("verbs", len(options.verbs)) as advance,
    ):
        root = Path(place)
        folders = {name: root / name for name in ("short", "long")}
        contract = write_contract(root)
        for name, folder in folders.items():
            write_episodes(folder, contract, options.minutes / (SHORT_SHARE if name == "short" else 1))
        for verb in options.verbs:
            found = {name: peak(verb, folder, root) for name, folder in folders.items()}
            growth = found["long"][0] / found["short"][0]
            rows[verb] = {
                **{f"{name}_mib": round(mib, 1) for name, (mib, _) in found.items()},
                **{f"{name}_s": round(seconds, 1) for name, (_, seconds) in found.items()},
                "growth": round(growth, 3),
            }
            print(f"{verb:8} {found['short'][0]:7.0f} MiB, {found['long'][0]:7.0f} MiB for {SHORT_SHARE} times as long")
            advance(verb)
    return {
        "ok": all(row["long_mib"] <= BAR_MIB for row in rows.values()),
        "minutes": options.minutes,
        "bar_mib": BAR_MIB,
        "verbs": rows,
    }


def write_contract(root: Path, height: int = HEIGHT, width: int = WIDTH) -> Path:
    """The Sawyer's contract with two cameras of another size, in `root/contracts`."""
    path = root / "contracts" / f"{CONTRACT}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    cameras = "\n".join(
        f"  basket_front_{side}/pixels: {{height: {height}, width: {width}}}" for side in ("left", "right")
    )
    path.write_text(f"extends: sawyer_rgb_stacking\nname: {CONTRACT}\nobservations:\n{cameras}\n")
    return path


def write_episodes(folder: Path, contract: Path, minutes: float) -> None:
    """`b.mcap` of that length, and a second of `a.mcap`, which `train` holds out."""
    from gato_ros.core.arm_action import ArmAction
    from gato_ros.core.observation import Observation
    from gato_ros.data.episodes.writer import EpisodeWriter
    from gato_ros.embodiments import load_embodiment

    robot = load_embodiment(contract)
    height, width, _ = robot.channel(robot.image_keys[0]).shape
    # Blocks of one colour, twice as wide as a picture, which moves over them.
    colours = np.random.default_rng(0).integers(0, 255, (6, 16, 3), np.uint8)
    scene = np.repeat(np.repeat(colours, height // 6, 0), width // 8, 1)
    about = {"task": "red_on_blue", "object_set": "cubes", "driver": "expert", "image_share": 1}
    for name, steps in (("a", RATE_HZ), ("b", max(2, round(60 * minutes * RATE_HZ)))):
        with EpisodeWriter(folder, name, robot, about) as writer:
            for step in range(steps):
                values = {}
                for number, (key, channel) in enumerate(robot.observations.items()):
                    if channel.kind == "image":
                        left = (2 * step + 40 * number) % width
                        values[key] = np.ascontiguousarray(scene[:, left : left + width])
                    elif channel.kind == "discrete":
                        values[key] = np.array([step % channel.values], np.float32)
                    else:
                        low, high = np.array(channel.lower), np.array(channel.upper)
                        values[key] = (low + (high - low) * (0.5 + 0.4 * np.sin(step / 50))).astype(np.float32)
                action = ArmAction(np.array([0.05 * np.sin(step / 30), 0.0, 0.0, 0.0]), 0.04)
                writer.add(step, Observation(values, step / RATE_HZ), action, action)
            writer.close({"success": True})


def peak(verb: str, folder: Path, root: Path) -> tuple[float, float]:
    """Largest resident memory [MiB] and time [s] of a verb over a folder, in a process of its own.

    Raises:
        RuntimeError: the verb failed; its words are in the message.
    """
    out = root / "out" / f"{folder.name}_{verb}"
    arguments = {
        "view": ["episodes", "view", str(folder), "--out", str(out)],
        "film": ["episodes", "view", str(folder), "--out", str(out), "--format", "mp4"],
        "png": ["episodes", "export", str(folder), "--format", "lerobot", "--pictures", "png", "--out", str(out)],
        "train": [
            *("train", "--episodes", str(folder), "--preset", "debug_one_pass", "--out", str(out)),
            *("--embodiment", str(root / "contracts" / f"{CONTRACT}.yaml")),
            *("--training.steps", "10", "--training.batch", "2"),
        ],
        **{name: ["episodes", name, str(folder)] for name in ("verify", "stats")},
        **{name: ["episodes", "export", str(folder), "--format", name, "--out", str(out)] for name in _EXPORTS},
    }[verb]
    log = root / "log"
    started = time.monotonic()
    with open(log, "wb") as words:
        child = subprocess.Popen(
            [sys.executable, "-m", "gato_ros", *arguments],
            stdout=words,
            stderr=words,
            env={**os.environ, "GATO_ROS_EMBODIMENTS": str(root / "contracts"), "GATO_ROS_COMPILATION_CACHE": "off"},
        )
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {status}: {log.read_text()[-2000:]}")
    return used.ru_maxrss / 1024, time.monotonic() - started


_EXPORTS = ("hdf5", "lerobot", "rlds")
