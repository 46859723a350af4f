"""Prompts from recorded episodes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.prompt import Prompt
from gato_ros.data.episodes.episode import Episode, episode_paths, read_episode
from gato_ros.embodiments import Embodiment

Part = Literal["start", "end"]
"""The first steps of a demonstration (how it is done), or its last (the goal)."""


def prompt_files(place: Path) -> list[Path]:
    """The episodes that `place` means: itself, or those of a folder by name; SetupError if there is none."""
    place = Path(place)
    files = episode_paths(place) if place.is_dir() else [place] if place.is_file() else []
    if not files:
        raise SetupError(
            expected=f"an episode, or a folder with some, in {place}",
            got="a folder without" if place.is_dir() else "nothing",
            fix="record one with `python -m gato_ros collect --image-share 1`",
        )
    return files


def read_prompt(
    path: Path,
    robot: Embodiment,
    keys: Sequence[str],
    steps: int,
    part: Part = "start",
    text_s: float | None = None,
) -> Prompt:
    """Up to `steps` control steps of the episode in `path`, with what a policy that reads `keys` needs.

    Args:
        text_s: from so long [s] after the episode's start on its texts are empty; None: they are what was recorded.

    Raises:
        SetupError: no whole episode, one of another contract, or one without images at these steps.
    """
    episode = read_episode(path)
    if episode.metadata.get("contract_digest") != robot.digest:
        raise SetupError(
            expected=f"a demonstration recorded with the contract {robot.name} ({robot.digest[:12]})",
            got=f"{episode.metadata.get('embodiment')} ({str(episode.metadata.get('contract_digest'))[:12]}) in {path}",
            fix="record it again with this contract",
        )
    length, count = len(episode.steps), min(steps, len(episode.steps))
    rows = range(count) if part == "start" else range(length - count, length)
    first = "first" if part == "start" else "last"
    missing = [row for row in rows if row not in set(episode.image_steps.tolist())]
    if missing and any(key in episode.values and episode.values[key].ndim == 4 for key in keys):
        raise SetupError(
            expected=f"images at the {first} {count} steps of {path}",
            got=f"{len(missing)} without",
            fix="record it with `collect --image-share 1`",
        )
    return Prompt(
        tuple(_observation(episode, keys, row, _hidden(robot, row, text_s)) for row in rows),
        tuple(Action.of_vector(episode.executed[row], robot.spec.actions) for row in rows),
        Path(path).name,
        hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        f"the {first} {count} of {length} steps",
    )


def _hidden(robot: Embodiment, row: int, text_s: float | None) -> frozenset[str]:
    """Keys of the texts that are not shown at a row."""
    if text_s is None or row < round(text_s * robot.control_rate_hz):
        return frozenset()
    return frozenset(key for key, channel in robot.observations.items() if channel.kind == "text")


def _observation(episode: Episode, keys: Sequence[str], row: int, hidden: frozenset[str]) -> Observation:
    values = {}
    for key in keys:
        if key in episode.values:  # what is missing the policy names itself
            value = episode.values[key]
            values[key] = value[np.searchsorted(episode.image_steps, row)] if value.ndim == 4 else value[row]
            if key in hidden:
                values[key] = np.zeros_like(values[key])
    return Observation(values, float(episode.stamps_s[row]))
