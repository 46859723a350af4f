"""How far the tool may tilt and turn, and what of a motion keeps to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.plain import cross, dot, length, plus, share_of_room

UPSIDE_DOWN = 1e-9
"""1 + cosine of the tilt: nearer to half a turn it says nothing of the turn about the axis."""


UNTURNED = np.eye(3)


@dataclass(frozen=True)
class OrientationLimits:
    """A cone about a direction, and a range of the turn about it."""

    reference: np.ndarray
    """[3 3] base_from_reference: its columns are the tool's axes without tilt and turn."""
    cone_rad: float
    """Largest tilt [rad], below a quarter turn."""
    yaw_lower: float
    """Smallest turn about the reference's z [rad], above -pi."""
    yaw_upper: float
    """Largest turn [rad], below pi."""

    def at(self, rotation: np.ndarray) -> Attitude:
        """The tool at `rotation` [3 3] base_from_tool, before these limits."""
        return Attitude(self.reference, rotation, self.cone_rad, (self.yaw_lower, self.yaw_upper))


class Attitude:
    """The tilt and the turn of one rotation, and how fast they change.

    The tilt is looked at as the shadow of the tool's z axis on the plane across the cone: the cone is a disc there,
    of radius sin(cone), and a straight line between two of its points stays in it. The turn is the twist of the swing
    and twist decomposition (Dobrowolski, 2015), which a tilt changes by the smallest amount.
    """

    def __init__(
        self, reference: np.ndarray, rotation: np.ndarray, cone_rad: float, yaw_range_rad: tuple[float, float]
    ):
        """Plain numbers from here on: the guard asks for several motions at one attitude.

        Args:
            reference: [3 3] base_from_reference: the tool's axes without tilt and turn.
            rotation: [3 3] base_from_tool.
        """
        self._cone_rad, self._yaw_range = cone_rad, yaw_range_rad
        self._z, self._middle = rotation[:, 2].tolist(), reference[:, 2].tolist()
        self._upright = dot(self._middle, self._z)
        self.shadow = plus(self._z, self._middle, -self._upright)
        """[3] of the tool's z axis, across the cone; its length is the sine of the tilt."""
        (xx, xy, _), (yx, yy, _), _ = (reference.T @ rotation).tolist()
        # Twice the angle of the quaternion's (w, z), both times 4 w: no root, and no case for small ones.
        self.yaw = math.atan2(yx - xy, xx + yy)
        """The turn [rad] in (-pi, pi]."""

    @property
    def tilt(self) -> float:
        """Angle between the tool's z axis and the cone's middle [rad]."""
        return math.acos(min(max(self._upright, -1.0), 1.0))

    def shadow_rate(self, angular: Sequence[float]) -> list[float]:
        """[3] how the shadow moves at an angular velocity [3] [rad/s] along the base's axes."""
        moved = cross(angular, self._z)
        return plus(moved, self._middle, -dot(moved, self._middle))

    def yaw_rate(self, angular: Sequence[float]) -> float:
        """How the turn changes [rad/s]."""
        return dot(angular, plus(self._middle, self._z)) / max(1.0 + self._upright, UPSIDE_DOWN)

    def slid(self, angular: Sequence[float], gain: float, inwards: float, spare: float) -> list[float]:
        """`angular` [3] [rad/s] without what a stop could not end inside; from outside a little inwards.

        Args:
            gain: [1/s] a room may be closed at so many times itself.
            inwards: largest speed that leads back from outside [rad/s].
            spare: [rad] of the room that is left for what comes after.
        """
        shadow, rate, z = self.shadow, self.shadow_rate(angular), self._z
        radius = math.sin(max(self._cone_rad - spare, self._cone_rad / 2))
        end = plus(shadow, [speed / gain for speed in rate])
        far = length(end)
        over = far - max(radius, length(shadow) - inwards / gain)
        slid = list(angular)
        if over > 0.0:
            rate = plus(rate, end, -(over / far * gain))
            # The motion of z that has this shadow, and the angular velocity that has this motion and the same roll.
            moved = plus(rate, self._middle, -(dot(rate, z) / max(self._upright, 0.05)))
            slid = plus(cross(z, moved), z, dot(z, slid))
        turning, (lower, upper) = self.yaw_rate(slid), self._yaw_range
        lowest = min(gain * (lower + spare - self.yaw), inwards)
        highest = max(gain * (upper - spare - self.yaw), -inwards)
        return plus(slid, z, min(max(turning, lowest), highest) - turning)

    def share(self, angular: Sequence[float], gain: float) -> float:
        """How much of `angular` [3] [rad/s] may be carried out; what leads inwards is free."""
        lower, upper = self._yaw_range
        room = share_of_room([self.yaw_rate(angular)], [lower - self.yaw], [upper - self.yaw], gain)
        way = [speed / gain for speed in self.shadow_rate(angular)]
        a, b = dot(way, way), dot(self.shadow, way)
        if a == 0.0:
            return room
        # The largest share of the shadow's way that ends in the disc, or gets nearer to it all along.
        outside = dot(self.shadow, self.shadow) - math.sin(self._cone_rad) ** 2
        if outside > 0.0:
            return min(room, max(0.0, -b / a))
        return min(room, (math.sqrt(b * b - a * outside) - b) / a)


def turned(rotation: np.ndarray, by: np.ndarray) -> np.ndarray:
    """`rotation` [3 3] turned by the rotation vector `by` [3] [rad] along the base's axes (Rodrigues)."""
    angle = length(by.tolist())
    if angle < 1e-12:
        return rotation
    x, y, z = (by / angle).tolist()
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return (UNTURNED + math.sin(angle) * skew + (1.0 - math.cos(angle)) * (skew @ skew)) @ rotation
