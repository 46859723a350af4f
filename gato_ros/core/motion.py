"""Cartesian motion limits: speed, workspace box with look-ahead, acceleration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MotionLimits:
    """Bounds on the tool's motion; the same object limits the simulator and the robot."""

    workspace_lower: np.ndarray
    """[3] lowest tool position [m] in the base frame."""
    workspace_upper: np.ndarray
    """[3] highest tool position [m] in the base frame."""
    linear_speed: float
    """Largest norm of the linear velocity [m/s]."""
    angular_speed: float
    """Largest rotation about the vertical [rad/s]."""
    linear_acceleration: float
    """Largest change of the linear velocity [m/s^2]."""
    angular_acceleration: float
    """Largest change of the rotation [rad/s^2]."""

    def limit(self, wanted: np.ndarray, previous: np.ndarray, position: np.ndarray, dt: float) -> np.ndarray:
        """The twist [4] nearest to `wanted` that keeps every bound.

        Args:
            wanted: [4] vx vy vz [m/s], wz [rad/s]; finite (check before: a clamp passes NaN).
            previous: [4] the twist of the tick before.
            position: [3] tool position [m].
            dt: time since the tick before [s].
        """
        linear, angular = (
            np.array(wanted[:3], np.float64),
            float(np.clip(wanted[3], -self.angular_speed, self.angular_speed)),
        )
        speed = np.linalg.norm(linear)
        if speed > self.linear_speed:
            linear *= self.linear_speed / speed
        # Speed towards a wall is what can still be stopped in the room that is left.
        reach = lambda room: np.sqrt(2 * self.linear_acceleration * np.maximum(room, 0.0))  # noqa: E731
        linear = np.clip(linear, -reach(position - self.workspace_lower), reach(self.workspace_upper - position))
        change = linear - previous[:3]
        size, allowed = np.linalg.norm(change), self.linear_acceleration * dt
        if size > allowed:
            change *= allowed / size
        turn = np.clip(angular - previous[3], -self.angular_acceleration * dt, self.angular_acceleration * dt)
        return np.append(previous[:3] + change, previous[3] + turn)
