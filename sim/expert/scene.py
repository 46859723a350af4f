"""What the expert sees, and its tolerances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLOSED_M = 0.012
"""Opening of fingers that are closed: every object is wider."""


@dataclass(frozen=True)
class Gates:
    """Tolerances and speeds of the expert, for objects of their usual size."""

    close_along_m: float = 0.012
    close_across_m: float = 0.012
    close_height_m: float = 0.010
    close_yaw_rad: float = 0.2
    keep_closing_m: float = 0.020
    """Once the fingers are visibly part closed around red, the wider gate holds."""
    release_lateral_m: float = 0.012
    release_gap_m: float = 0.008
    hover_m: float = 0.045
    """Height above the grasp at which the tool travels."""
    carry_clearance_m: float = 0.030
    """Red's lowest point travels so far above the highest thing on its way."""
    beyond_m: float = 0.014
    """Vertical goals are aimed past by this much, so that speed does not vanish before the gate."""
    gain: float = 5.0
    """Proportional gain of the velocities [1/s]."""
    yaw_gain: float = 4.0
    replan_m: float = 0.008


@dataclass(frozen=True)
class Body:
    """One prop, unpacked."""

    name: str
    centre: np.ndarray
    rotation: np.ndarray
    surface: np.ndarray


@dataclass(frozen=True)
class Scene:
    """One observation, unpacked, in the peer's numbers: a smaller cell is thought of as if it had the usual size."""

    tool: np.ndarray
    yaw: float
    opening: float
    top: Body
    base: Body
    other: Body
    left: bool
    right: bool
    on_base: bool
    on_ground: bool
    stand: np.ndarray
    """[2] where on the base the top object should stand [m]."""

    @property
    def highest_m(self) -> float:
        """Of all objects."""
        return max(float(body.surface[:, 2].max()) for body in (self.top, self.base, self.other))

    @property
    def held(self) -> bool:
        """Whether both fingers touch the top object with it between them: closed ones only push."""
        return self.left and self.right and self.opening > CLOSED_M

    def corners(self) -> np.ndarray:
        """[12 3] four points of each object [m]: they tell whether anything has moved."""
        return np.concatenate(
            [
                body.surface[[0, len(body.surface) // 3, 2 * len(body.surface) // 3, -1]]
                for body in (self.top, self.base, self.other)
            ]
        )

    def in_tool(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of points [n 3]: along the tool's x, along its y (where it closes), and above it [m]."""
        rel = points - self.tool
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        return rel[:, 0] * cosine + rel[:, 1] * sine, rel[:, 0] * sine - rel[:, 1] * cosine, rel[:, 2]
