"""Intervals for success rates."""

from __future__ import annotations

import math


def wilson95(successes: int, episodes: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a proportion (Wilson 1927), as (low, high) in [0, 1]."""
    if not 0 <= successes <= episodes:
        raise ValueError(f"0 <= successes <= episodes does not hold for {successes} of {episodes}")
    if episodes == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    p = successes / episodes
    centre = p + z * z / (2 * episodes)
    half = z * math.sqrt(p * (1 - p) / episodes + z * z / (4 * episodes**2))
    scale = 1 + z * z / episodes
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
