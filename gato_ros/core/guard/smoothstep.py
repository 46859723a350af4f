"""How a motion begins when somebody else had the arm: gradually."""

from __future__ import annotations


def smoothstep(elapsed_s: float, duration_s: float) -> float:
    """The share in [0, 1] of a motion that counts `elapsed_s` after its begin: 0 there, 1 from `duration_s` on.

    It never falls, and its slope is zero at both ends. A time before the begin, or NaN, counts as the begin.
    """
    if elapsed_s >= duration_s:
        return 1.0
    part = max(0.0, elapsed_s) / duration_s  # in this order NaN loses
    return part * part * (3.0 - 2.0 * part)
