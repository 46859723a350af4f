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
        angular = float(np.clip(wanted[3], -self.angular_speed, self.angular_speed))
        turn = np.clip(angular - previous[3], -self.angular_acceleration * dt, self.angular_acceleration * dt)
        return np.append(self._linear(np.array(wanted[:3], np.float64), previous[:3], position, dt), previous[3] + turn)

    def _linear(self, wanted: np.ndarray, previous: np.ndarray, position: np.ndarray, dt: float) -> np.ndarray:
        speed = np.linalg.norm(wanted)
        if speed > self.linear_speed:
            wanted = wanted * (self.linear_speed / speed)
        # Braking at the walls comes first; what is left of the acceleration goes into the wish.
        braked = self.stoppable(previous, position, dt)
        allowed = self.linear_acceleration * dt
        must, wish = braked - previous, self.stoppable(wanted, position, dt) - braked
        if np.linalg.norm(must) >= allowed:
            return previous + must * (allowed / np.linalg.norm(must))
        if np.linalg.norm(must + wish) <= allowed:
            return braked + wish
        # The largest share of the wish with |must + share wish| = allowed.
        a, b, c = wish @ wish, 2 * must @ wish, must @ must - allowed**2
        return braked + wish * ((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a))

    def stoppable(self, linear: np.ndarray, position: np.ndarray, dt: float) -> np.ndarray:
        """The velocity [3] [m/s] nearest to `linear` that can be brought to zero before every wall, in ticks of dt [s].

        An axis counts on its share of the acceleration only, so that all three can brake at once; and on one
        tick of travel before braking shows.
        """
        share = self.linear_acceleration / np.sqrt(3)
        lag = share * dt
        reach = [
            np.sqrt(lag**2 + 2 * share * np.maximum(room, 0.0)) - lag
            for room in (position - self.workspace_lower, self.workspace_upper - position)
        ]
        return np.clip(linear, -reach[0], reach[1])


def capped(vector: np.ndarray, norm: float) -> np.ndarray:
    """`vector` [n] at most `norm` long, in its own direction whatever its size: nothing overflows on the way."""
    largest = np.abs(vector).max()
    if largest == 0.0:
        return vector
    unit = vector / largest
    longest = norm / np.sqrt(unit @ unit)
    return unit * longest if largest > longest else vector
