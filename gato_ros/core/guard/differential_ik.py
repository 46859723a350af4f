"""Joint velocities that realise a Cartesian velocity with the gripper pointing down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class DifferentialIk:
    """Damped least squares with a posture term in the null space (Siciliano et al., Robotics, sec. 3.5)."""

    velocity_limit: np.ndarray
    """[joints] largest joint speeds [rad/s]; the whole velocity is scaled so that direction is kept."""
    position_lower: np.ndarray
    """[joints] lowest joint angles [rad] that may be reached."""
    position_upper: np.ndarray
    """[joints] highest joint angles [rad] that may be reached."""
    posture: np.ndarray
    """[joints] joint angles [rad] the null space is drawn to."""
    damping: float = 0.01
    """lambda of the damped inverse; lambda**2 = 1e-4 bounds joint speed near singularities."""
    down_gain: float = 4.0
    """Proportional gain [1/s] that keeps the tool's z axis pointing at the floor."""
    posture_gain: float = 0.3
    """Proportional gain [1/s] of the posture term."""
    limit_gain: float = 10.0
    """A joint may approach its limit at this rate [1/s] times the room that is left."""

    def joint_velocity(
        self, q: np.ndarray, jacobian: np.ndarray, tool_rotation: np.ndarray, twist: np.ndarray
    ) -> np.ndarray:
        """Joint velocities [joints] [rad/s], within speeds and limits; arguments as those of `unlimited`."""
        return self.within_limits(q, self.unlimited(q, jacobian, tool_rotation, twist), self.limit_gain)

    def unlimited(
        self, q: np.ndarray, jacobian: np.ndarray, tool_rotation: np.ndarray, twist: np.ndarray
    ) -> np.ndarray:
        """Joint velocities [joints] [rad/s] as if the joints had neither ends nor a largest speed.

        Args:
            q: [joints] joint angles [rad].
            jacobian: [6 joints] of the tool point, linear rows first, in base axes.
            tool_rotation: [3 3] base_from_tool.
            twist: [4] vx vy vz [m/s], wz [rad/s] in base axes.
        """
        # The cross product of the tool's axis with the floor's direction.
        tilt_x, tilt_y = -tool_rotation[1, 2] * self.down_gain, tool_rotation[0, 2] * self.down_gain
        wanted = np.array([twist[0], twist[1], twist[2], tilt_x, tilt_y, twist[3]])
        inverse = self._inverse(jacobian)
        null = _unit(len(q)) - inverse @ jacobian
        return inverse @ wanted + null @ (self.posture_gain * (self.posture - q))

    def unlimited_rows(self, q: np.ndarray, jacobian: np.ndarray, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """As `unlimited`, for motions of the tool that say nothing of pointing down.

        Args:
            rows: [n joints] of the Jacobian, or combinations of them; what has no row moves as little as it can, and
                the posture term leaves all of the tool alone.
            wanted: [n] what they have to come to; [m/s] and [rad/s].
        """
        inverse = self._inverse(jacobian)
        null = _unit(len(q)) - inverse @ jacobian
        if rows is not jacobian:
            inverse = self._inverse(rows)
        return inverse @ wanted + null @ (self.posture_gain * (self.posture - q))

    def _inverse(self, rows: np.ndarray) -> np.ndarray:
        return rows.T @ np.linalg.inv(rows @ rows.T + self.damping**2 * _unit(len(rows)))

    def within_limits(self, q: np.ndarray, velocity: np.ndarray, gain: float) -> np.ndarray:
        """`velocity` [joints] scaled to the speeds, approaching limits at `gain` [1/s] times the room left at q."""
        highest = np.minimum(self.velocity_limit, np.maximum(0.0, gain * (self.position_upper - q))).tolist()
        lowest = np.maximum(-self.velocity_limit, np.minimum(0.0, gain * (self.position_lower - q))).tolist()
        velocity = velocity.copy()
        # The last joint only turns the gripper about its own axis: stopping it alone keeps the path.
        velocity[-1] = min(max(velocity[-1], lowest[-1]), highest[-1])
        share = 1.0
        for value, low, high in zip(velocity.tolist(), lowest, highest, strict=True):
            bound = high if value > 0 else -low
            if abs(value) > bound:
                share = min(share, bound / abs(value))
        return velocity * share if share < 1.0 else velocity


@cache
def _unit(size: int) -> np.ndarray:
    unit = np.eye(size)
    unit.flags.writeable = False
    return unit
