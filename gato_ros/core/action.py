"""What a policy does at one control tick."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from gato_ros.core.spec import SpecMapping


class Action:
    """Values by key, as the actions of a step's spec name them. Of an arm that is moved by a twist: `ArmAction`."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, ArrayLike]):
        """`values`: key -> float [size], in the spec's order."""
        self.values: dict[str, np.ndarray] = {key: np.atleast_1d(np.asarray(value)) for key, value in values.items()}

    def as_vector(self) -> np.ndarray:
        """All numbers in the spec's order, float64 [n]: what `env.step` takes and what is recorded."""
        return np.concatenate([np.asarray(value, np.float64) for value in self.values.values()])

    @staticmethod
    def of_vector(vector: np.ndarray, actions: SpecMapping) -> Action:
        """Inverse of `as_vector` for a spec's actions.

        Raises:
            ValueError: `vector` has another length than these actions.
        """
        vector = np.asarray(vector, np.float64)
        sizes = [int(np.prod(spec.shape)) for spec in actions.values()]
        if vector.shape != (sum(sizes),):
            raise ValueError(f"an action of {', '.join(actions)} has {sum(sizes)} values, got shape {vector.shape}")
        return Action(dict(zip(actions, np.split(vector.copy(), np.cumsum(sizes)[:-1]))))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Action)
            and list(self.values) == list(other.values)
            and all(np.array_equal(value, other.values[key]) for key, value in self.values.items())
        )

    def __repr__(self) -> str:
        return f"Action({', '.join(f'{key}={value.tolist()}' for key, value in self.values.items())})"
