"""Episodes for learning from sequences: the rendered steps in order, what was done at each, and how it ended."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.episode import Episode, episode_paths
from gato_ros.data.episodes.label import read_labels
from gato_ros.data.episodes.stream import open_episode
from gato_ros.data.frame_cache import episode_frames, kept_file
from gato_ros.data.frames import Frames

ORDER_SUFFIX = ".order.npz"
SNAPSHOTS = "snapshots"
"""In the place of who drove."""


@dataclass(frozen=True)
class Recording:
    """One episode: N of its steps have images."""

    frames: Frames
    """The N steps, with the labels."""
    steps: np.ndarray
    """[N] int64 place of each among all steps of the episode."""
    executed: np.ndarray
    """[N 5] float32 what was carried out; it differs from the label where noise was added or another policy drove."""
    length: int
    """Steps of the episode, those without images included."""
    source: tuple[str, str, str]
    """Task, object set, and who drove."""
    outcome: float
    """The return: 1 for a success and 0 for a failure where nothing else was recorded; a later verdict overrules it."""

    @staticmethod
    def of_snapshots(frames: Frames) -> Recording:
        """Frames that have no order in time: no two of them are neighbours."""
        count = len(frames)
        return Recording(frames, 2 * np.arange(count), frames.actions, 2 * count, ("", "", SNAPSHOTS), 1.0)


def load_recordings(folder: Path, skip: Container[Path] = ()) -> list[Recording]:
    """The episodes of a folder by name; what is read is kept, the frames where `frame_parts` keeps them.

    Args:
        skip: episodes that do not count (`admission.left_out`).

    Raises:
        SetupError: no episodes.
    """
    paths = episode_paths(folder)
    if not paths:
        raise SetupError(
            expected=f"episodes in {folder}",
            got="none (snapshots have no order in time)",
            fix="run `python -m gato_ros collect --image-share 1` first; `train --single-steps` takes snapshots",
        )
    found = [_judged(path) for path in paths if path not in skip]
    return [recording for recording in found if len(recording.frames)]


def _judged(path: Path) -> Recording:
    """The recording with what was said of it since."""
    recording, verdict = _load(path), read_labels(path).latest("verdict")
    return recording if verdict is None else replace(recording, outcome=float(verdict == "success"))


def _load(path: Path) -> Recording:
    order = kept_file(path, ORDER_SUFFIX, lambda target: _save_order(target, open_episode(path).episode))
    frames = episode_frames(path)
    if order is None:
        episode = open_episode(path).episode
        return _recording(frames, **_order(episode))
    try:
        with np.load(order, allow_pickle=False) as file:
            return _recording(frames, json.loads(str(file["head"])), file["steps"], file["executed"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SetupError(
            expected=f"a whole file {order}",
            got=f"{type(error).__name__}: {error}",
            fix="delete it: it is made again from the episode",
        ) from None


def _recording(frames: Frames, head: dict, steps: np.ndarray, executed: np.ndarray) -> Recording:
    return Recording(frames, steps, executed, int(head["length"]), tuple(head["source"]), float(head["outcome"]))


def _order(episode: Episode) -> dict[str, Any]:
    rows, metadata = episode.image_steps, episode.metadata
    outcome = episode.outcome.get("return", float(bool(episode.outcome.get("success"))))
    head = {
        "length": len(episode.steps),
        "outcome": outcome,
        "source": [str(metadata.get(key, "")) for key in ("task", "object_set", "driver")],
    }
    return {"head": head, "steps": rows, "executed": episode.executed[rows]}


def _save_order(path: Path, episode: Episode) -> None:
    order = _order(episode)
    partial = path.with_name("." + path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, **{**order, "head": np.array(json.dumps(order["head"]))})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
