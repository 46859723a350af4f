"""How far the tool may tilt and turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.motion import length


@dataclass(frozen=True)
class OrientationLimits:
    """A cone about a direction, and a range of the turn about it.

    The tilt is looked at as the shadow of the tool's z axis on the plane across the cone: the cone is a disc there,
    of radius sin(cone), and a straight line between two of its points stays in it. The turn is the twist of the swing
    and twist decomposition (Dobrowolski, 2015), which a tilt changes by the smallest amount.
    """

    reference: np.ndarray
    """[3 3] base_from_reference: its columns are the tool's axes without tilt and turn."""
    cone_rad: float
    """Largest tilt [rad], below a quarter turn."""
    yaw_lower: float
    """Smallest turn about the reference's z [rad], above -pi."""
    yaw_upper: float
    """Largest turn [rad], below pi."""

    def shadow(self, rotation: np.ndarray) -> np.ndarray:
        """[3] of the tool's z axis, across the cone; its length is the sine of the tilt."""
        z, middle = rotation[:, 2], self.reference[:, 2]
        return z - (z @ middle) * middle

    def yaw(self, rotation: np.ndarray) -> float:
        """The turn [rad] in (-pi, pi]."""
        turned = self.reference.T @ rotation
        # Twice the angle of the quaternion's (w, z), both times 4 w: no root, and no case for small ones.
        return math.atan2(turned[1, 0] - turned[0, 1], turned[0, 0] + turned[1, 1])

    def tilt(self, rotation: np.ndarray) -> float:
        """Angle between the tool's z axis and the cone's middle [rad]."""
        return math.acos(min(max(float(rotation[:, 2] @ self.reference[:, 2]), -1.0), 1.0))

    def shadow_rate(self, angular: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """[3] how the shadow moves at an angular velocity [3] [rad/s] along the base's axes."""
        moved, middle = np.cross(angular, rotation[:, 2]), self.reference[:, 2]
        return moved - (moved @ middle) * middle

    def yaw_rate(self, angular: np.ndarray, rotation: np.ndarray) -> float:
        """How the turn changes [rad/s]."""
        z, middle = rotation[:, 2], self.reference[:, 2]
        return float(angular @ (middle + z)) / (1.0 + float(middle @ z))

    def slid(self, angular: np.ndarray, rotation: np.ndarray, gain: float, inwards: float, spare: float) -> np.ndarray:
        """`angular` [3] without what a stop could not end inside; from outside a little inwards.

        Args:
            gain: [1/s] a room may be closed at so many times itself.
            inwards: largest speed that leads back from outside [rad/s].
            spare: [rad] of the room that is left for what comes after.
        """
        shadow, rate = self.shadow(rotation), self.shadow_rate(angular, rotation)
        radius, size = math.sin(max(self.cone_rad - spare, self.cone_rad / 2)), length(shadow)
        end = shadow + rate / gain
        over = length(end) - max(radius, size - inwards / gain)
        z = rotation[:, 2]
        if over > 0.0:
            rate = rate - end * (over / length(end) * gain)
            # The motion of z that has this shadow, and the angular velocity that has this motion and the same roll.
            middle = self.reference[:, 2]
            moved = rate - middle * (float(rate @ z) / max(float(middle @ z), 0.05))
            angular = np.cross(z, moved) + z * float(z @ angular)
        yaw, turning = self.yaw(rotation), self.yaw_rate(angular, rotation)
        lowest = min(gain * (self.yaw_lower + spare - yaw), inwards)
        highest = max(gain * (self.yaw_upper - spare - yaw), -inwards)
        return angular + z * (min(max(turning, lowest), highest) - turning)

    def share(self, angular: np.ndarray, rotation: np.ndarray, gain: float) -> float:
        """How much of `angular` [3] may be carried out; what leads inwards is free."""
        return min(
            self._share_of_tilt(self.shadow(rotation), self.shadow_rate(angular, rotation) / gain),
            share_of_room(
                np.array([self.yaw_rate(angular, rotation)]),
                np.array([self.yaw_lower - self.yaw(rotation)]),
                np.array([self.yaw_upper - self.yaw(rotation)]),
                gain,
            ),
        )

    def _share_of_tilt(self, shadow: np.ndarray, way: np.ndarray) -> float:
        """Largest share of `way` [3] from `shadow` [3] that ends in the disc, or gets nearer to it all along."""
        a, b = float(way @ way), float(shadow @ way)
        if a == 0.0:
            return 1.0
        outside = float(shadow @ shadow) - math.sin(self.cone_rad) ** 2
        if outside > 0.0:
            return min(1.0, max(0.0, -b / a))
        return min(1.0, (math.sqrt(b * b - a * outside) - b) / a)


def share_of_room(speed: np.ndarray, lower: np.ndarray, upper: np.ndarray, gain: float) -> float:
    """How much of `speed` [n] may be carried out where so much room is left, `lower` <= 0 <= `upper` [n] when inside.

    What leads inwards is free.
    """
    allowed = gain * np.where(speed > 0.0, np.maximum(upper, 0.0), np.maximum(-lower, 0.0))
    over = np.abs(speed) > allowed
    return float(np.min(allowed[over] / np.abs(speed[over]))) if over.any() else 1.0


def turned(rotation: np.ndarray, by: np.ndarray) -> np.ndarray:
    """`rotation` [3 3] turned by the rotation vector `by` [3] [rad] along the base's axes (Rodrigues)."""
    angle = length(by)
    if angle < 1e-12:
        return rotation
    x, y, z = by / angle
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return (np.eye(3) + math.sin(angle) * skew + (1.0 - math.cos(angle)) * (skew @ skew)) @ rotation
