"""Episodes read back; `EpisodeWriter` makes them, `verification` judges them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gato_ros.data import messages, roles
from gato_ros.data.episode_writer import SUFFIX, EpisodeWriter
from gato_ros.data.tracks import Tracks, load_tracks, unusable

__all__ = ["Episode", "EpisodeWriter", "episode_from", "episode_paths", "read_episode"]

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
    """The finished episodes of a folder, by name."""
    return sorted(path for path in Path(folder).glob(f"*{SUFFIX}") if not path.name.startswith("."))


def read_episode(path: Path) -> Episode:
    """The episode in `path`, every checksum checked.

    Raises:
        SetupError: the file is missing, cut short, altered, or not an episode.
    """
    tracks = load_tracks(Path(path), WHAT, FIX)
    try:
        return episode_from(tracks)
    except (ValueError, KeyError, IndexError) as error:
        raise unusable(path, WHAT, FIX, f"{type(error).__name__}: {error}") from None


def episode_from(tracks: Tracks) -> Episode:
    """The episode in what was read of a file; ValueError, KeyError or IndexError where it holds none."""
    observation = tracks.only("observation", messages.FLOAT32_ARRAY)
    row = {step: index for index, step in enumerate(observation.steps)}
    frames = [messages.read_labelled_array(messages.FLOAT32_ARRAY, data) for data in observation.data]
    values = {key: np.stack([frame[key] for frame in frames]) for key in frames[0]}
    image_tracks = tracks.having("image", messages.IMAGE)
    for track in image_tracks:
        values[track.metadata["key"]] = np.stack([messages.read_image(data) for data in track.data])
    image_steps = [row[step] for step in image_tracks[0].steps] if image_tracks else []
    return Episode(
        metadata=tracks.metadata["episode"],
        outcome=tracks.metadata["outcome"],
        steps=np.array(observation.steps, np.int64),
        stamps_s=np.array(observation.stamps_ns, np.float64) / messages.NANOSECONDS,
        values=values,
        image_steps=np.array(image_steps, np.int64),
        actions=_actions(tracks, "label"),
        executed=_actions(tracks, "executed"),
        privileged=_privileged(tracks),
        ticks=tuple(
            json.loads(messages.read_text(data))
            for track in tracks.having(roles.TICK, messages.STRING)
            for data in track.data
        ),
    )


def _actions(tracks: Tracks, role: str) -> np.ndarray:
    twists = [messages.read_twist(data) for data in tracks.only(role, messages.TWIST).data]
    openings = [messages.read_position(data) for data in tracks.only(role, messages.JOINT_STATE).data]
    return np.column_stack([np.array(twists), openings]).astype(np.float32)


def _privileged(tracks: Tracks) -> dict[str, np.ndarray]:
    if not tracks.having("privileged", messages.FLOAT64_ARRAY):
        return {}
    track = tracks.only("privileged", messages.FLOAT64_ARRAY)
    frames = [messages.read_labelled_array(messages.FLOAT64_ARRAY, data) for data in track.data]
    result = {}
    for key in frames[0]:
        dtype, shape = track.metadata[key].split(" ", 1)
        result[key] = np.stack([frame[key] for frame in frames]).reshape(len(frames), *json.loads(shape)).astype(dtype)
    return result
