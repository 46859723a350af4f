"""A ball between two walls."""

from __future__ import annotations


def folded(place: float, low: float, high: float) -> float:
    """Where a ball is that would be at `place` if the walls at `low` and `high` did not throw it back."""
    span = high - low
    place = (place - low) % (2 * span)
    return low + min(place, 2 * span - place)
