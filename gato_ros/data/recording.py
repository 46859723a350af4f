"""Episodes for learning from sequences: the rendered steps in order, what was done at each, and how it ended."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.episode import Episode, episode_paths, read_episode
from gato_ros.data.frames import SUFFIX, Frames, cache_path, load_frames, rendered_steps, save_frames
from gato_ros.data.label import read_labels

ORDER_SUFFIX = ".order.npz"


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


def load_recordings(folder: Path, skip: Container[Path] = ()) -> list[Recording]:
    """The episodes of a folder by name; what is read is kept beside them, the frames where `frame_parts` keeps them.

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
            fix="run `python -m gato_ros collect --image-share 1` first",
        )
    found = [_judged(path) for path in paths if path not in skip]
    return [recording for recording in found if len(recording.frames)]


def _judged(path: Path) -> Recording:
    """The recording with what was said of it since."""
    recording, verdict = _load(path), read_labels(path).latest("verdict")
    return recording if verdict is None else replace(recording, outcome=float(verdict == "success"))


def _load(path: Path) -> Recording:
    frames, order = cache_path(path, SUFFIX), cache_path(path, ORDER_SUFFIX)
    if not (frames.exists() and order.exists()):
        episode = read_episode(path)
        if not frames.exists():
            save_frames(frames, rendered_steps(episode))
        _save_order(order, episode)
    try:
        with np.load(order, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            return Recording(
                load_frames(frames),
                file["steps"],
                file["executed"],
                int(head["length"]),
                tuple(head["source"]),
                float(head["outcome"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SetupError(
            expected=f"a whole file {order}",
            got=f"{type(error).__name__}: {error}",
            fix="delete it: it is made again from the episode",
        ) from None


def _save_order(path: Path, episode: Episode) -> None:
    rows, told = episode.image_steps, episode.metadata
    outcome = episode.outcome.get("return", float(bool(episode.outcome.get("success"))))
    head = {
        "length": len(episode.steps),
        "outcome": outcome,
        "source": [str(told.get(key, "")) for key in ("task", "object_set", "driver")],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("." + path.name + ".partial")
    with open(partial, "wb") as file:
        np.savez(file, head=np.array(json.dumps(head)), steps=rows, executed=episode.executed[rows])
    partial.replace(path)
