"""Where the tool may be: a box, and an orientation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.following.orientation import Attitude, OrientationLimits
from gato_ros.core.guard.motion import RETURN, MotionLimits
from gato_ros.core.guard.plain import plus, share_of_room
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
        self, twist: Sequence[float], position: np.ndarray, attitude: Attitude | None, gain: float, motion: MotionLimits
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """`twist` [6] without what a stop could not end inside, from outside a little inwards; the limits that acted.

        Args:
            attitude: of the tool, before `orientation`; None where that is.
            gain: [1/s] a room may be closed at so many times itself.
            motion: largest speeds.
        """
        linear, angular = twist[:3], twist[3:]
        asked = max(max(map(abs, linear)) / motion.linear_speed, max(map(abs, angular)) / motion.angular_speed)
        most = RETURN * min(asked, 1.0)
        back = most * motion.linear_speed
        lowest = np.minimum(gain * (self.lower + SPARE_M - position), back).tolist()
        highest = np.maximum(gain * (self.upper - SPARE_M - position), -back).tolist()
        short = [min(max(value, low), high) for value, low, high in zip(linear, lowest, highest, strict=True)]
        limits = ("workspace",) * _differ(short, linear)
        if attitude is not None:
            kept = attitude.slid(angular, gain, most * motion.angular_speed, SPARE_RAD)
            limits += ("orientation",) * _differ(kept, angular)
            angular = kept
        return np.array([*short, *angular]), limits

    def share(
        self, velocity: np.ndarray, jacobian: np.ndarray, position: np.ndarray, attitude: Attitude | None, gain: float
    ) -> tuple[float, tuple[str, ...]]:
        """How much of `velocity` [joints] may be carried out, and which limits say so.

        The tool's path bends: its speed on the way of a stop counts as well as that of now.

        Args:
            attitude: of the tool, before `orientation`; None where that is.
        """
        now = jacobian @ velocity
        bent = now + change_of_jacobian(jacobian, velocity) @ velocity / (2.0 * gain)
        twists = now.tolist(), bent.tolist()
        lower, upper = (self.lower - position).tolist(), (self.upper - position).tolist()
        place = min(share_of_room(twist[:3], lower, upper, gain) for twist in twists)
        turn = 1.0 if attitude is None else min(attitude.share(twist[3:], gain) for twist in twists)
        limits = ("workspace",) * (place < 1.0) + ("orientation",) * (turn < 1.0)
        return min(place, turn), limits


def _differ(one: Sequence[float], other: Sequence[float]) -> bool:
    return max(map(abs, plus(one, other, -1.0))) > CHANGED
