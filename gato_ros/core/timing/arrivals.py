"""When the messages of one topic came and what their stamps said, over the last seconds."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """Messages of a window of time, reduced to figures; as it is made, that of a topic on which nothing came."""

    received: int = 0
    silent_s: float = math.inf
    """Since the last one, by receipt [s]."""
    period_s: float = math.nan
    """Mean time between two, by receipt [s]: what bunches up on the way changes no mean."""
    age_s: float = math.nan
    """Median of receipt minus stamp [s]; below zero: from the future."""
    longest_gap_s: float = math.nan
    """Between two stamps that follow each other [s]."""
    unstamped: int = 0
    """Stamps of zero."""
    repeated: int = 0
    """Stamps that were those of the message before."""
    backwards: int = 0
    """Stamps before those of the message before."""
    standing: int = 0
    """Messages at the end that have one stamp."""
    stands_s: float = 0.0
    """From the first of these to the last, by receipt [s]."""

    @property
    def rate_hz(self) -> float:
        return 1.0 / self.period_s if self.period_s > 0.0 else math.nan


class Arrivals:
    """Remembers `window_s` seconds of arrivals."""

    def __init__(self, window_s: float):
        self._window_s = window_s
        self._rows: deque[tuple[float, float, float]] = deque()

    def add(self, stamp_s: float, received_s: float, clock_s: float) -> None:
        """A message: its stamp, and its receipt on the steady clock and on the clock that stamps [s]."""
        self._rows.append((received_s, stamp_s, clock_s))
        self._forget(received_s)

    def _forget(self, now_s: float) -> None:
        while self._rows and now_s - self._rows[0][0] > self._window_s:
            self._rows.popleft()

    def timing(self, now_s: float) -> Timing:
        """What there is to say at `now_s` on the steady clock."""
        self._forget(now_s)
        if not self._rows:
            return Timing()
        received, stamps, clock = np.array(self._rows).T
        steps, several = np.diff(stamps), len(received) > 1
        moved = np.flatnonzero(steps)
        first = moved[-1] + 1 if moved.size else 0
        return Timing(
            received=len(received),
            silent_s=float(now_s - received[-1]),
            period_s=float((received[-1] - received[0]) / (len(received) - 1)) if several else math.nan,
            age_s=float(np.median(clock - stamps)),
            longest_gap_s=float(steps.max()) if several else math.nan,
            unstamped=int((stamps == 0.0).sum()),
            repeated=int((steps == 0.0).sum()),
            backwards=int((steps < 0.0).sum()),
            standing=len(received) - int(first),
            stands_s=float(received[-1] - received[first]),
        )
