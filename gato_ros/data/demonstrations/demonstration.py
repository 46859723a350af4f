"""One episode of a domain without ROS: what was seen, what was done, and what should have been done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.data.demonstrations.pictures import Pictures, PictureWriter


@dataclass(frozen=True)
class Demonstration:
    """T steps."""

    seed: int
    """Of its start."""
    observations: Mapping[str, np.ndarray]
    """Key -> [T *shape]; no pictures."""
    pictures: Pictures
    """Of T steps; of no camera where nothing is seen in pictures."""
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


class DemonstrationWriter:
    """Gets the steps one by one, and keeps their pictures compressed."""

    def __init__(self) -> None:
        self._pictures = PictureWriter()
        self._observations: dict[str, list[np.ndarray]] = {}
        self._privileged: dict[str, list[np.ndarray]] = {}
        self._executed: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._executed)

    def add(self, seen: Observation, done: Action, label: Action) -> None:
        """What was seen, what was carried out, and the expert's action."""
        self._pictures.add({key: value for key, value in seen.values.items() if value.ndim == 3})
        vectors = {key: value for key, value in seen.values.items() if value.ndim != 3}
        for columns, values in ((self._observations, vectors), (self._privileged, seen.privileged)):
            for key, value in values.items():
                columns.setdefault(key, []).append(value)
        self._executed.append(done.as_vector())
        self._labels.append(label.as_vector())

    def finish(self, seed: int, reward: float, success: bool) -> Demonstration:
        """The episode of these steps, at least one."""
        return Demonstration(
            seed,
            {key: np.stack(values) for key, values in self._observations.items()},
            self._pictures.finish(),
            {key: np.stack(values) for key, values in self._privileged.items()},
            np.array(self._executed, np.float32),
            np.array(self._labels, np.float32),
            reward,
            success,
        )
