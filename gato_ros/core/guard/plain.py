"""Geometry on plain numbers: on three of them Python is several times faster than numpy, and rounds alike."""

from __future__ import annotations

import math
from collections.abc import Sequence


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The inner product of [3] and [3]."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """The cross product [3] of [3] and [3]."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def plus(a: Sequence[float], b: Sequence[float], times: float = 1.0) -> list[float]:
    """[3] and [3] so many times."""
    return [a[0] + b[0] * times, a[1] + b[1] * times, a[2] + b[2] * times]


def length(a: Sequence[float]) -> float:
    """The length of [3]."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


def share_of_room(speed: Sequence[float], lower: Sequence[float], upper: Sequence[float], gain: float) -> float:
    """How much of `speed` [n] may be carried out where so much room is left, `lower` <= 0 <= `upper` [n] when inside.

    What leads inwards is free.
    """
    share = 1.0
    for value, low, high in zip(speed, lower, upper, strict=True):
        allowed = gain * (max(high, 0.0) if value > 0.0 else max(-low, 0.0))
        if abs(value) > allowed:
            share = min(share, allowed / abs(value))
    return share


def capped(vector: Sequence[float], norm: float) -> list[float]:
    """`vector` [3] at most `norm` long, in its own direction whatever its size: nothing overflows on the way."""
    largest = max(map(abs, vector))
    if largest == 0.0:
        return list(vector)
    unit = [value / largest for value in vector]
    longest = norm / length(unit)
    return [value * longest for value in unit] if largest > longest else list(vector)
