"""Cartesian motion limits: speed, workspace box with look-ahead, acceleration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

RETURN = 0.05
"""Outside the workspace, up to this part of the proposed speed brings the tool back."""


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
        angular = min(max(wanted[3], -self.angular_speed), self.angular_speed)
        most = self.angular_acceleration * dt
        turn = min(max(angular - previous[3], -most), most)
        return np.append(self._linear(np.array(wanted[:3], np.float64), previous[:3], position, dt), previous[3] + turn)

    def _linear(self, wanted: np.ndarray, previous: np.ndarray, position: np.ndarray, dt: float) -> np.ndarray:
        speed = length(wanted)
        if speed > self.linear_speed:
            wanted = wanted * (self.linear_speed / speed)
        # Braking at the walls comes first; what is left of the acceleration goes into the wish.
        lowest, highest = self._stoppable_range(position, dt)
        braked = between(previous, lowest, highest)
        allowed = self.linear_acceleration * dt
        must, wish = braked - previous, between(wanted, lowest, highest) - braked
        if length(must) >= allowed:
            return previous + must * (allowed / length(must))
        if length(must + wish) <= allowed:
            return braked + wish
        # The largest share of the wish with |must + share wish| = allowed.
        a, b, c = wish @ wish, 2 * must @ wish, must @ must - allowed**2
        return braked + wish * ((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a))

    def short_of_walls(self, twist: np.ndarray, position: np.ndarray, gain: float) -> np.ndarray:
        """`twist` [4] without what a stop could not end inside the workspace, and from outside a little inwards.

        Stops end on an arc, and the inverse kinematics leaks: along a wall both would add up. What brings the tool
        back is a small part of what was proposed; a tool that is to stand stands.
        """
        requested = max(np.abs(twist[:3]).max() / self.linear_speed, min(1.0, abs(twist[3]) / self.angular_speed))
        most = RETURN * requested * self.linear_speed
        lower = gain * (self.workspace_lower - position)
        upper = gain * (self.workspace_upper - position)
        return np.append(between(twist[:3], np.minimum(lower, most), np.maximum(upper, -most)), twist[3])

    def stoppable(self, linear: np.ndarray, position: np.ndarray, dt: float) -> np.ndarray:
        """The velocity [3] [m/s] nearest to `linear` that can be brought to zero before every wall, dt [s] a tick."""
        return between(linear, *self._stoppable_range(position, dt))

    def _stoppable_range(self, position: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest velocity [3] [m/s] that can be brought to zero so.

        An axis counts on its share of the acceleration only, so that all three can brake at once; and on one
        tick of travel before braking shows.
        """
        share = self.linear_acceleration / math.sqrt(3)
        lag = share * dt
        room = np.array([position - self.workspace_lower, self.workspace_upper - position])
        down, up = np.sqrt(lag**2 + 2 * share * np.maximum(room, 0.0)) - lag
        return -down, up


def length(vector: np.ndarray) -> float:
    """Length of `vector` [n]: numpy's own takes twice as long on so little."""
    return math.sqrt(vector @ vector)


def largest(vector: np.ndarray) -> float:
    """The largest absolute value of `vector` [n]; NaN where one is."""
    return np.maximum.reduce(np.abs(vector))


def between(vector: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """numpy.clip, in half the time on so little."""
    return np.minimum(np.maximum(vector, lowest), highest)
