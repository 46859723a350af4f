"""Episodes read back whole; `EpisodeWriter` makes them, `verification` judges them.

For a short one, or a part of one: its pictures are all in memory. `episode_stream` is for any length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gato_ros.data import messages
from gato_ros.data.checks.file_kind import sorted_out
from gato_ros.data.episodes.content import CAMERA, EpisodeContent, kind_of
from gato_ros.data.episodes.message_stream import MessageStream, unusable
from gato_ros.data.episodes.writer import EpisodeWriter

__all__ = ["Episode", "EpisodeWriter", "episode_paths", "read_episode"]

WHAT, FIX = "a whole episode", "`python -m gato_ros episodes verify FOLDER` tells what can be read"


@dataclass(frozen=True)
class Episode:
    """An episode read back; N steps, M of them with images."""

    metadata: dict
    """What was known at the start: embodiment, contract_digest, schema_version, package_version, and the caller's."""
    outcome: dict
    """What the caller said at the end."""
    steps: np.ndarray
    """[N] int64 step numbers."""
    stamps_s: np.ndarray
    """[N] float64 observation stamps [s], to the nanosecond."""
    values: dict[str, np.ndarray]
    """Contract key -> [N size] float32; image keys -> [M height width 3] uint8."""
    image_steps: np.ndarray
    """[M] int64 indices into N of the steps that have images."""
    actions: np.ndarray
    """[N 5] float32 labels, `Action.as_vector`."""
    executed: np.ndarray
    """[N 5] float32 what was carried out."""
    privileged: dict[str, np.ndarray]
    """Privileged key -> [N ...] in its own dtype; empty if none was recorded."""
    ticks: tuple[dict, ...] = ()
    """What the recorder said about each of the N steps: source, verdict, ages; empty in a simulated episode."""


def episode_paths(folder: Path) -> list[Path]:
    """The finished episodes of a folder, by name; files of others (`file_kind`) are not among them."""
    return sorted_out(folder)[0]


def read_episode(path: Path) -> Episode:
    """The episode in `path`, every checksum checked.

    Raises:
        SetupError: the file is missing, cut short, altered, or not an episode.
    """
    stream, content = MessageStream(Path(path), WHAT, FIX), EpisodeContent()
    pictures: dict[str, list[np.ndarray]] = {}
    try:
        for message in stream:
            content.add(message)
            if kind_of(message.channel) == CAMERA:
                pictures.setdefault(message.channel.metadata["key"], []).append(messages.read_image(message.data))
        episode = Episode(**content.fields(stream.channels, stream.metadata))
        if len({tuple(steps) for steps in content.image_steps.values()}) > 1:
            raise ValueError("cameras have pictures at different steps")
        return replace(episode, values=episode.values | {key: np.stack(found) for key, found in pictures.items()})
    except (ValueError, KeyError, IndexError) as error:
        raise unusable(path, WHAT, FIX, f"{type(error).__name__}: {error}") from None
