"""Who was in command at each step: only a step that a human commanded or a teacher labelled can be learned from."""

from __future__ import annotations

import numpy as np

from gato_ros.core.guard.arbiter import HUMAN, IDLE
from gato_ros.data.episodes.episode import Episode

EXPERT = "expert"
"""The scripted expert labels every step of a simulated episode, whoever drives it, unless the policy's own are kept."""
LABELS, OWN = "labels", "own"
"""Key and value of an episode's metadata: a policy drove alone, and what it did is the label."""


def command_sources(episode: Episode) -> np.ndarray:
    """[N] text for each step: as the recorder noted it; `expert` in a simulated episode.

    A recording by an operator without these notes is the operator's throughout.
    """
    if episode.ticks:
        return np.array([str(tick.get("source") or IDLE) for tick in episode.ticks], dtype="U16")
    return np.full(len(episode.steps), HUMAN if "operator" in episode.metadata else EXPERT, dtype="U16")
