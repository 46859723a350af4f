"""Joint states that no healthy robot reports."""

from __future__ import annotations

import numpy as np

from gato_ros.core.guard.proposal import RobotState

NOISE_RAD = 0.005
"""Readings may jump by this much at rest."""
OUTSIDE_RAD = 0.01
"""A joint may be reported this far outside its limits."""
OUTWARD_RAD_S = 1e-3
"""A wish for a joint outside to go on outward, beyond what rounding makes."""


class JointWatch:
    """Compares each joint state with the one before and with the limits."""

    def __init__(self, speed: np.ndarray, lower: np.ndarray, upper: np.ndarray, period_s: float):
        self._speed, self._lower, self._upper, self._period_s = speed, lower, upper, period_s
        self._before: RobotState | None = None

    def jumped(self, state: RobotState) -> bool:
        """Whether a joint has moved at more than twice its largest speed since the last state (finite ones only)."""
        before, self._before = self._before, state
        if before is None or before.received_s == state.received_s:
            return False
        # By whichever clock more time has passed: messages bunch up on the way. One period for the rest of that.
        passed_s = max(state.stamp_s - before.stamp_s, state.received_s - before.received_s, 0.0) + self._period_s
        moved = np.abs(state.joint_position - before.joint_position)
        return bool(np.logical_or.reduce(moved > 2.0 * self._speed * passed_s + NOISE_RAD))

    def outside(self, position: np.ndarray) -> np.ndarray:
        """[joints] +1 above the limits, -1 below, else 0."""
        return (position > self._upper + OUTSIDE_RAD).astype(int) - (position < self._lower - OUTSIDE_RAD).astype(int)

    def leaves_further(self, position: np.ndarray, wanted: np.ndarray) -> bool:
        """Whether a joint that is outside is wanted to go on outward."""
        return bool((self.outside(position) * wanted > OUTWARD_RAD_S).any())
