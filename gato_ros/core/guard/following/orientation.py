"""How far the tool may tilt and turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.following.attitude import Attitude


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
