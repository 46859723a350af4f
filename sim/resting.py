"""How an object can stand on one of its faces, by geometry: what physics would find, without waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import ConvexHull

from gato_ros.sim.objects import rgb_object

STEADY_M = 0.004
"""The centre of mass stands at least so far inside the edge of the face below: nothing topples over."""
TOP_AREA_M2 = 6e-4


@dataclass(frozen=True)
class Resting:
    """One way in which an object stands, relative to its centre."""

    vertices: np.ndarray
    """[n 3] in base axes [m], before a turn about the vertical."""
    rotation: np.ndarray
    """[3 3] base_from_object, before a turn about the vertical."""
    balance: np.ndarray
    """[2] x y of the centre of mass [m]."""
    top: np.ndarray | None
    """[k 2] corners of a level face on top [m]; None where nothing can stand on it."""

    @property
    def lowest(self) -> float:
        """z of its lowest point [m], below zero."""
        return float(self.vertices[:, 2].min())

    @property
    def highest(self) -> float:
        """z of its highest point [m]."""
        return float(self.vertices[:, 2].max())


@lru_cache(maxsize=256)
def restings(name: str) -> tuple[Resting, ...]:
    """All ways in which the object of that name stands by itself; SetupError for an unknown name."""
    vertices = rgb_object(name).vertices
    centre = _centre_of_mass(vertices)
    hull = ConvexHull(vertices)
    found = []
    for normal in np.unique(hull.equations[:, :3].round(5), axis=0):
        rotation = _turned_down(normal)
        turned = vertices @ rotation.T
        below, above = (_face(turned, turned[:, 2], sign) for sign in (-1, 1))
        balance = (rotation @ centre)[:2]
        if below is not None and inside(below, balance) > STEADY_M:
            found.append(Resting(turned, rotation, balance, above))
    return tuple(found)


def inside(polygon: np.ndarray, point: np.ndarray) -> float:
    """How far a point [2] lies inside the edge of a convex polygon [k 2] [m]; negative outside."""
    equations = ConvexHull(polygon).equations
    return float(-(equations[:, :2] @ point + equations[:, 2]).max())


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The width of the widest straight gap between two sets of points [n 2], [m 2] [m]; negative where they overlap."""
    axes = np.concatenate([ConvexHull(points).equations[:, :2] for points in (one, other)])
    left, right = one @ axes.T, other @ axes.T
    return float(np.maximum(right.min(0) - left.max(0), left.min(0) - right.max(0)).max())


def _face(turned: np.ndarray, height: np.ndarray, sign: int) -> np.ndarray | None:
    """[k 2] the corners of the level face at the end of the object, if it is large enough to stand on."""
    ends = turned[np.abs(sign * height - (sign * height).max()) < 1e-5][:, :2]
    if len(ends) < 3:
        return None
    hull = ConvexHull(ends)
    return ends[hull.vertices] if hull.volume > TOP_AREA_M2 else None


def _turned_down(normal: np.ndarray) -> np.ndarray:
    """[3 3] a rotation that turns a unit normal down."""
    down = -normal / np.linalg.norm(normal)
    across = np.cross(down, np.eye(3)[int(np.argmin(np.abs(down)))])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(down, across), down])


def _centre_of_mass(vertices: np.ndarray) -> np.ndarray:
    """[3] of the convex hull of points [n 3], its density even."""
    corners = vertices[ConvexHull(vertices).simplices] - vertices.mean(0)
    volumes = np.abs(np.linalg.det(corners))
    return vertices.mean(0) + (corners.sum(1) / 4 * volumes[:, None]).sum(0) / volumes.sum()
