"""Rows of a recording at the ticks of a control loop."""

from __future__ import annotations

import numpy as np

from gato_ros.data.imports.source import LeftOut

SAME_RATE = 0.02
"""Clocks that differ by less than this share run at one rate: then every row is a tick."""
LONGEST_HOLD = 3.0
"""A row is not held for longer than so many of its own periods, or of ours: behind it something is missing."""


def ticks(times_s: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """(row of each tick, time of each tick [s]) of a loop of `rate_hz` over rows at `times_s` [N].

    A tick shows the newest row that was there: what comes later is not known yet.

    Raises:
        LeftOut: fewer than two rows, times that do not increase, or a gap.
    """
    if len(times_s) < 2:
        raise LeftOut("fewer than two steps")
    periods = np.diff(times_s)
    if not np.isfinite(times_s).all() or (periods <= 0).any():
        raise LeftOut("times that do not increase")
    period = float(np.median(periods))
    if periods.max() > LONGEST_HOLD * max(period, 1 / rate_hz):
        raise LeftOut("a gap in time")
    if abs(period * rate_hz - 1) < SAME_RATE:
        return np.arange(len(times_s)), times_s
    # Half a microsecond: 0.3 is not quite three times 0.1.
    count = int((times_s[-1] - times_s[0]) * rate_hz + 5e-7 * rate_hz) + 1
    at = times_s[0] + np.arange(count) / rate_hz
    return np.searchsorted(times_s, at + 5e-7, side="right") - 1, at
