"""The check of `train`: every episode before anything is written, from the cache where nothing changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gato_ros.embodiments import Embodiment


def check_data(folders: tuple[Path, ...], failures: bool, robot: Embodiment, keys: Iterable[str]) -> None:
    """Refuse data that would teach something wrong, and say once what is worth knowing (docs/how-to/episodes.md).

    Args:
        failures: episodes that failed are learned from, too.
        keys: observations that the model reads.

    Raises:
        SetupError: with file, step and channel.
    """
    from gato_ros.data.checks.episode import checked_all, refuse_snapshots, refuse_training
    from gato_ros.data.checks.episode_filter import left_out
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.evaluation.progress import counted

    vectors = [key for key in keys if getattr(robot.observations.get(key), "kind", "image") != "image"]
    paths = []
    for folder in folders:
        refuse_snapshots(folder, robot)
        skip = left_out(folder, failures)
        paths += [path for path in episode_paths(folder) if path not in skip]
    with counted("check", len(paths), transient=True) as advance:
        found = checked_all(paths, robot, advance)
    refuse_training(found, robot, vectors, lambda line: print(f"train: {line}", flush=True))
