"""One episode of a domain without ROS: what was seen, what was done, and what should have been done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation


@dataclass(frozen=True)
class Demonstration:
    """T steps."""

    seed: int
    """Of its start."""
    observations: Mapping[str, np.ndarray]
    """Key -> [T *shape]; an image is uint8 [T height width 3]."""
    privileged: Mapping[str, np.ndarray]
    """Ground truth: key -> [T size]."""
    executed: np.ndarray
    """[T n] float32 what was carried out."""
    labels: np.ndarray
    """[T n] float32 what the expert would have done; equal to `executed` where nothing disturbed it."""
    reward: float
    """The sum over the episode."""
    success: bool

    def __len__(self) -> int:
        return len(self.executed)


def demonstration(
    seed: int, steps: Iterable[tuple[Observation, Action, Action]], reward: float, success: bool
) -> Demonstration:
    """The episode of these steps, at least one: what was seen, what was carried out, and the expert's action."""
    observations: dict[str, list[np.ndarray]] = {}
    privileged: dict[str, list[np.ndarray]] = {}
    executed, labels = [], []
    for seen, done, label in steps:
        for columns, values in ((observations, seen.values), (privileged, seen.privileged)):
            for key, value in values.items():
                columns.setdefault(key, []).append(value)
        executed.append(done.as_vector())
        labels.append(label.as_vector())
    return Demonstration(
        seed,
        {key: np.stack(values) for key, values in observations.items()},
        {key: np.stack(values) for key, values in privileged.items()},
        np.array(executed, np.float32),
        np.array(labels, np.float32),
        reward,
        success,
    )
