"""A stop as a closed form in time: it needs no sensor and slows down from its first instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StopRamp:
    """Joint velocities that shrink to zero in one direction, along a straight ramp with rounded ends.

    The deceleration grows over `round_s`, stays, and fades over `round_s`; it is never more than speed/straight_s.
    What acceleration there was before ends at once: a stop does not wait for it to fade.
    """

    velocity: np.ndarray
    """[joints] [rad/s] at the start."""
    straight_s: float
    """Speed over largest deceleration [s]."""
    round_s: float
    """Deceleration over jerk [s]; 0: a straight ramp."""

    @property
    def duration_s(self) -> float:
        """From the start to rest [s]."""
        return self.straight_s + self.round_s

    def share(self, time_s: float) -> float:
        """The part of the starting velocity that is left after `time_s`; exactly 0 at the end."""
        if time_s >= self.duration_s:
            return 0.0
        if self.round_s == 0.0:
            return 1.0 - time_s / self.straight_s
        gone = (self._area(time_s) - self._area(time_s - self.round_s)) / self.round_s
        # What rounding leaves over is no motion.
        return 1.0 - gone if gone < 1.0 - 1e-9 else 0.0

    def slope(self, time_s: float) -> np.ndarray:
        """[joints] how the velocity changes after `time_s` [rad/s^2]."""
        if time_s >= self.duration_s:
            return np.zeros_like(self.velocity)
        if self.round_s == 0.0:
            return -self.velocity / self.straight_s
        rate = (self._line(time_s) - self._line(time_s - self.round_s)) / self.round_s
        return -self.velocity * rate

    def _line(self, time_s: float) -> float:
        return min(1.0, max(0.0, time_s / self.straight_s)) if self.straight_s > 0.0 else float(time_s > 0.0)

    def _area(self, time_s: float) -> float:
        """Integral of `_line` from zero."""
        if time_s <= 0.0:
            return 0.0
        if time_s >= self.straight_s:
            return time_s - self.straight_s / 2
        return time_s * time_s / (2 * self.straight_s)
