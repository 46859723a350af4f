"""Where the tool may be: a box, and an orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.following.orientation import OrientationLimits, share_of_room
from gato_ros.core.guard.motion import RETURN, MotionLimits, between
from gato_ros.core.guard.singularity import change_of_jacobian

SPARE_M, SPARE_RAD = 1e-3, 0.01
"""A motion that slides keeps so much off the walls: inverse kinematics leaks, and what passes one stops all of it."""
CHANGED = 1e-9


@dataclass(frozen=True)
class ToolRoom:
    """What keeps the tool in its room, whatever the kind of motion that is wanted."""

    lower: np.ndarray
    """[3] lowest tool position [m] in the base frame."""
    upper: np.ndarray
    """[3] highest tool position [m] in the base frame."""
    orientation: OrientationLimits | None
    """None: any."""

    def slid(
        self, twist: np.ndarray, position: np.ndarray, rotation: np.ndarray, gain: float, motion: MotionLimits
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """`twist` [6] without what a stop could not end inside, from outside a little inwards; the limits that acted.

        Args:
            gain: [1/s] a room may be closed at so many times itself.
            motion: largest speeds.
        """
        asked = max(
            float(np.abs(twist[:3]).max()) / motion.linear_speed, float(np.abs(twist[3:]).max()) / motion.angular_speed
        )
        most = RETURN * min(asked, 1.0)
        lowest = gain * (self.lower + SPARE_M - position)
        highest = gain * (self.upper - SPARE_M - position)
        back = most * motion.linear_speed
        linear = between(twist[:3], np.minimum(lowest, back), np.maximum(highest, -back))
        angular, limits = twist[3:], ("workspace",) * bool(np.abs(linear - twist[:3]).max() > CHANGED)
        if self.orientation is not None:
            angular = self.orientation.slid(angular, rotation, gain, most * motion.angular_speed, SPARE_RAD)
            limits += ("orientation",) * bool(np.abs(angular - twist[3:]).max() > CHANGED)
        return np.append(linear, angular), limits

    def share(
        self, velocity: np.ndarray, jacobian: np.ndarray, position: np.ndarray, rotation: np.ndarray, gain: float
    ) -> tuple[float, tuple[str, ...]]:
        """How much of `velocity` [joints] may be carried out, and which limits say so.

        The tool's path bends: its speed on the way of a stop counts as well as that of now.
        """
        now = jacobian @ velocity
        bent = now + change_of_jacobian(jacobian, velocity) @ velocity / (2.0 * gain)
        place = min(
            share_of_room(twist[:3], self.lower - position, self.upper - position, gain) for twist in (now, bent)
        )
        turn = 1.0
        if self.orientation is not None:
            turn = min(self.orientation.share(twist[3:], rotation, gain) for twist in (now, bent))
        limits = ("workspace",) * (place < 1.0) + ("orientation",) * (turn < 1.0)
        return min(place, turn), limits
