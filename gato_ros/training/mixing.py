"""How often the steps of each source count: a human's corrections more than what the policy did by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.guard.arbiter import HUMAN, IDLE, POLICY
from gato_ros.data.episodes.command_source import EXPERT

DEFAULTS = {HUMAN: 1.0, EXPERT: 1.0, POLICY: 0.0, IDLE: 0.0, "emergency_stop": 0.0}
"""DAgger from interventions: where the policy was in command there is nothing to learn, only what came before it."""


def mixing_weights(given: Sequence[str]) -> dict[str, float]:
    """The weights by source, from texts like `human=2`; SetupError for what is none, or if nothing counts."""
    weights = dict(DEFAULTS)
    for text in given:
        name, _, value = text.partition("=")
        if name not in DEFAULTS:
            raise unknown_name("a source", name, DEFAULTS)
        try:
            weights[name] = float(value)
        except ValueError:
            weights[name] = -1.0
        if not 0 <= weights[name] < np.inf:
            raise SetupError(expected=f"a weight of 0 or more, like {name}=2", got=text, fix="0 leaves the source out")
    if not any(weights.values()):
        raise SetupError(expected="a weight above 0", got=" ".join(given), fix="give one source more than 0")
    return weights


def step_weights(sources: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
    """[N] float64 weight of each step by its source; a source that nobody knows counts for nothing."""
    names, places = np.unique(sources, return_inverse=True)
    return np.array([weights.get(str(name), 0.0) for name in names])[places]


def unless_equal(weights: np.ndarray) -> np.ndarray | None:
    """None where all count the same: then nothing is drawn, and a run is what it was before there were weights."""
    return None if len(weights) == 0 or (weights == weights[0]).all() else weights


def drawn_in_proportion(order: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many rows as there are in `order`, each as often as its weight says, up to one more or less.

    Args:
        order: [N] a shuffled order of all rows.
        weights: [N] of the rows; their mean is once.
    """
    reach = np.cumsum(weights[order])
    marks = (rng.random() + np.arange(len(order))) * (reach[-1] / len(order))
    return rng.permutation(order[np.minimum(np.searchsorted(reach, marks, side="right"), len(order) - 1)])
