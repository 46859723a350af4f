"""Where objects, and the gripper, are in a scene: drawn by geometry, without physics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.core.rotation import quat_xyzw_from_matrix
from gato_ros.sim.grasp import basket_height
from gato_ros.sim.resting import Resting, apart, inside, restings
from gato_ros.sim.scene import BASKET_TOP_M
from gato_ros.sim.task import PROP_LOWER, PROP_UPPER
from gato_ros.sim.world import PropState

GAP_M, FINGER_GAP_M = 0.008, 0.045
"""Between two objects on the table; around one that the gripper reaches for."""
TOUCH_M = 1e-6
"""What stands on something overlaps with it by no more."""
TURNS = np.linspace(0, np.pi, 24, endpoint=False)
LANDS_M = 0.006
"""The centre of mass above the face below, inside or outside its edge by so much: then it is plain what will happen."""
DRAWS = 60


class NoPlace(Exception):
    """These objects do not go where they were to go; draw again."""


@dataclass(frozen=True)
class Placed:
    """One object where it stands or hangs."""

    name: str
    resting: Resting
    turn: float
    """About the vertical [rad]."""
    position: np.ndarray
    """[3] of its centre [m]."""

    @property
    def _about(self) -> np.ndarray:
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        return np.array([[cosine, -sine], [sine, cosine]])

    @property
    def footprint(self) -> np.ndarray:
        """[n 2] its corners from above [m]."""
        return self.resting.vertices[:, :2] @ self._about.T + self.position[:2]

    @property
    def balance(self) -> np.ndarray:
        """[2] its centre of mass from above [m]."""
        return self._about @ self.resting.balance + self.position[:2]

    @property
    def face(self) -> np.ndarray | None:
        """[k 2] the corners of what can be stood on [m]."""
        top = self.resting.top
        return None if top is None else top @ self._about.T + self.position[:2]

    @property
    def top(self) -> float:
        """Its highest point [m]."""
        return float(self.position[2] + self.resting.highest)

    @property
    def bottom(self) -> float:
        """Its lowest point [m]."""
        return float(self.position[2] + self.resting.lowest)

    @property
    def pose(self) -> PropState:
        """For the simulator."""
        turn = np.eye(3)
        turn[:2, :2] = self._about
        return PropState(self.position, quat_xyzw_from_matrix(turn @ self.resting.rotation))

    def at(self, xy: np.ndarray, bottom: float, turn: float | None = None) -> Placed:
        """The same object elsewhere, its lowest point at the height `bottom` [m]."""
        position = np.append(xy, bottom - self.resting.lowest)
        return Placed(self.name, self.resting, self.turn if turn is None else turn, position)


def collide(one: Placed, other: Placed) -> bool:
    """Whether two objects may be inside each other: they overlap from above, and neither is above the other."""
    beside = one.bottom < other.top - TOUCH_M and other.bottom < one.top - TOUCH_M
    return beside and apart(one.footprint, other.footprint) < 0


def drawn(name: str, rng: np.random.Generator) -> Placed:
    """An object on any of its faces, turned anyhow, on the table."""
    ways = restings(name)
    resting = ways[rng.integers(len(ways))]
    return Placed(name, resting, float(rng.uniform(0, 2 * np.pi)), np.zeros(3)).at(np.zeros(2), BASKET_TOP_M)


def on_table(one: Placed, others: Mapping[str, Placed], rng: np.random.Generator, gap: float = GAP_M) -> Placed:
    """Somewhere on the table, apart from the others; NoPlace where there is no room."""
    for _ in range(DRAWS):
        moved = one.at(rng.uniform(PROP_LOWER, PROP_UPPER), BASKET_TOP_M)
        if basket_height(moved.footprint).max() > BASKET_TOP_M + 1e-6:
            continue
        if all(apart(moved.footprint, other.footprint) > gap for other in others.values()):
            return moved
    raise NoPlace


def on_top(one: Placed, base: Placed, rng: np.random.Generator) -> Placed:
    """Standing on another object, not quite in the middle; NoPlace where it would fall."""
    if base.face is None:
        raise NoPlace
    for _ in range(DRAWS):
        off = one.balance - one.position[:2]
        moved = one.at(base.face.mean(0) - off + rng.normal(0, 0.005, 2), base.top)
        if inside(base.face, moved.balance) > LANDS_M and inside(moved.footprint, base.face.mean(0)) > 0:
            return moved
    raise NoPlace


def above(one: Placed, base: Placed, rng: np.random.Generator) -> tuple[Placed, bool]:
    """Some way above another object, and whether it would come to stand on it; NoPlace where that is not plain."""
    if base.face is None:
        raise NoPlace
    lands, bottom = bool(rng.random() < 0.5), base.top + float(rng.uniform(0.02, 0.05))
    for _ in range(DRAWS):
        spread = 0.005 if lands else float(rng.uniform(0.03, 0.08))
        moved = one.at(base.face.mean(0) - (one.balance - one.position[:2]) + rng.normal(0, spread, 2), bottom)
        if lands and inside(base.face, moved.balance) > LANDS_M:
            return moved, True
        if not lands and 0.004 < apart(moved.footprint, base.footprint) < 0.05:
            return moved, False
    raise NoPlace


@dataclass(frozen=True)
class Grip:
    """How the gripper holds an object."""

    offset: np.ndarray
    """[3] tool minus the object's centre [m]."""
    yaw: float
    """[rad]"""
    opening: float
    """[m]"""


def gripped(one: Placed, widest: float, palm: float, lowest_tool: float, reached: tuple[float, float]) -> Grip:
    """Across its narrowest side; NoPlace where that is too wide.

    Args:
        widest, palm: what the gripper can take, and how deep between its fingers [m].
        lowest_tool: the lowest that the tool may get [m].
        reached: yaws that the wrist reaches [rad].
    """
    axes = np.stack([np.sin(TURNS), -np.cos(TURNS)], 1)
    along = one.footprint @ axes.T
    widths = np.ptp(along, axis=0)
    best = int(widths.argmin())
    if widths[best] > widest:
        raise NoPlace
    yaw = reached[0] + (TURNS[best] - reached[0]) % np.pi
    if yaw > reached[1]:
        raise NoPlace
    middle = axes[best] * ((along[:, best].max() + along[:, best].min()) / 2 - axes[best] @ one.position[:2])
    height = max(0.0, one.resting.highest - palm, lowest_tool - one.position[2])
    if height > one.resting.highest - 0.008:
        raise NoPlace
    return Grip(np.append(middle, height), float(yaw), float(widths[best]) + 0.001)
