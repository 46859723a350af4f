"""The mean of a signal over a short time: what bounds the jerk of a motion whose acceleration is bounded."""

from __future__ import annotations

import numpy as np


class TimeAverage:
    """Mean over the last `window_s` of a signal that runs straight from one value to the next.

    With |signal'| <= a the mean has |mean'| <= a and |mean''| <= 2 a / window, whatever the times between the
    values; and being a mean it never leaves a convex set that the signal stays in, nor a direction that it keeps
    (Biagiotti and Melchiorri, FIR filters for online trajectory planning, 2012).
    """

    def __init__(self, window_s: float, size: int):
        self._window_s = window_s
        self.restart(np.zeros(size), np.zeros(size))

    def restart(self, mean: np.ndarray, slope: np.ndarray) -> None:
        """Go on from a mean [size] that changes at `slope` [size] per second, as if the signal had always done so."""
        half = slope * (self._window_s / 2)
        self._values, self._spans_s = [mean - half, mean + half], [self._window_s]

    @property
    def newest(self) -> np.ndarray:
        """[size] the last value of the signal."""
        return self._values[-1]

    def push(self, value: np.ndarray, dt: float) -> np.ndarray:
        """The mean [size] after the signal has run to `value` [size] in dt > 0 seconds."""
        self._values.append(value)
        self._spans_s.append(dt)
        self._trim()
        weights = np.zeros(len(self._values))
        for i, span_s in enumerate(self._spans_s):
            weights[i] += span_s
            weights[i + 1] += span_s
        return (weights / (2 * self._window_s)) @ np.array(self._values)

    def _trim(self) -> None:
        over_s = sum(self._spans_s) - self._window_s
        while over_s >= self._spans_s[0]:
            over_s -= self._spans_s.pop(0)
            del self._values[0]
        if over_s > 0.0:
            share = over_s / self._spans_s[0]
            self._values[0] = self._values[0] + (self._values[1] - self._values[0]) * share
            self._spans_s[0] -= over_s

    def ahead(self) -> np.ndarray:
        """[size] what the mean will still add up to beyond the signal itself: its lag, as a distance."""
        # The part of age x has (window - x) / window of its time to come; each span by Simpson's rule, exact here.
        distance, age_s = np.zeros_like(self._values[0]), 0.0
        for i in range(len(self._spans_s) - 1, -1, -1):
            span_s, new, old = self._spans_s[i], self._values[i + 1], self._values[i]
            left = [1.0 - (age_s + part * span_s) / self._window_s for part in (0.0, 0.5, 1.0)]
            distance = distance + (left[0] * new + 2 * left[1] * (new + old) + left[2] * old) * (span_s / 6)
            age_s += span_s
        return distance
