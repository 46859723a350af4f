"""Units, signs and zeros of a vector: operators with an inverse, so that what is read can also be commanded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gato_ros.core.errors import SetupError


class Operator(Protocol):
    """One step from the numbers of a message to those of an observation."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        """[size] of [size]."""
        ...

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """What `forward` makes `values` of; of a clamp, where they are within it."""
        ...


@dataclass(frozen=True)
class Scale:
    """Times a number, or each value times its own; -1 turns a sign."""

    by: float | tuple[float, ...]

    def __post_init__(self) -> None:
        if not np.all(np.isfinite(self.by)) or not np.all(np.array(self.by) != 0.0):
            raise SetupError(expected="a factor that is finite and not 0", got=str(self.by), fix="correct `by`")

    def forward(self, values: np.ndarray) -> np.ndarray:
        return values * np.array(self.by)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return values / np.array(self.by)


@dataclass(frozen=True)
class Offset:
    """Plus a number, or each value plus its own."""

    by: float | tuple[float, ...]

    def forward(self, values: np.ndarray) -> np.ndarray:
        return values + np.array(self.by)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return values - np.array(self.by)


@dataclass(frozen=True)
class Degrees:
    """From radians to degrees."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.rad2deg(values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return np.deg2rad(values)


@dataclass(frozen=True)
class Radians:
    """From degrees to radians."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.deg2rad(values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return np.rad2deg(values)


@dataclass(frozen=True)
class Clamp:
    """Into a range; what lay outside it is lost."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise SetupError(
                expected="a clamp with lower below upper", got=f"{self.lower} and {self.upper}", fix="exchange them"
            )

    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.clip(values, self.lower, self.upper)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        return np.clip(values, self.lower, self.upper)


def forward(operators: Sequence[Operator], values: np.ndarray) -> np.ndarray:
    """All of them, the first one first; [size] of [size]."""
    for operator in operators:
        values = operator.forward(values)
    return values


def inverse(operators: Sequence[Operator], values: np.ndarray) -> np.ndarray:
    """Inverse of `forward`: the last one first."""
    for operator in reversed(operators):
        values = operator.inverse(values)
    return values
