"""Ways to push a leaning object over, so that what is put on it has a level face to stand on.

A tapered block that lies on a slanted side shows another slanted side: whatever is put there slides off. Thirty of 33
failures on triplet 2 were that. A push high at its back tips it onto a face whose opposite is level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gato_ros.sim.expert.scene import Body
from gato_ros.sim.grasp import basket_height, facets
from gato_ros.sim.scene import BASKET_TOP_M

LEVEL_DEG = 20.0
"""A block that leans less is not tipped over."""
LARGE_M2 = 3e-4
"""A face to stand on is no smaller."""
LIES_DEG = 6.0
"""Between a face and the floor that it lies on."""
PARALLEL_DEG = 15.0
"""Between the face that it will stand on and the one that is then on top."""
LEAST_TURN_RAD, LARGEST_TURN_RAD = 0.25, np.radians(100)
BELOW_TOP_M, TIP_BELOW_TOP_M = 0.010, 0.012
"""Where the fingers touch it, and how low their tips are."""
BEHIND_M = 0.035
"""The fingers come down so far behind it."""
FALLS_OVER_M = 0.09
"""Room that it needs in front of it."""
HALF_WIDTH_M = 0.03
"""Of the lane that the fingers and the falling object need."""
WORST = 1.5
"""A way that costs more is none."""
OUT, BLOCKED, UPHILL, AGAINST, ON_SLOPE = 3.0, 2.0, 2.0, 1.2, 1.5
"""Costs: outside the workspace, something where the fingers come down, the basket's slope there, something in front,
the slope in front."""
FAR = 3.0
"""Per metre from the tool to where the push begins."""
BEGUN = 2.5
"""What was begun goes on: a push on the way counts so much less."""


@dataclass(frozen=True)
class Push:
    """One way, in the cell's usual size."""

    direction: np.ndarray
    """[2] of length 1."""
    contact: np.ndarray
    """[2] where the fingers first touch it [m]."""
    tip_m: float
    """Height of the fingertips [m]."""
    effort: float
    """Distance of the edge about which it turns, by the height of the push. Where this is small, friction tips it."""

    @property
    def start(self) -> np.ndarray:
        """[2] where the fingers come down [m]."""
        return self.contact - self.direction * BEHIND_M

    def behind(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of points [n 2]: how far along the push from the contact on, and how far beside it [m]."""
        rel = points - self.contact
        return rel @ self.direction, rel @ np.array([-self.direction[1], self.direction[0]])


def tilt_deg(body: Body) -> float:
    """How far the face that looks up most is from level."""
    normals, _, areas = facets(body.name)
    up = (normals @ body.rotation[2])[areas > LARGE_M2 / 2]
    return float(np.degrees(np.arccos(np.clip(up.max(), -1, 1))))


def _lies(body: Body) -> bool:
    """Whether it lies on one of its faces."""
    down = -(facets(body.name)[0] @ body.rotation[2])
    return bool(down.max() > np.cos(np.radians(LIES_DEG)))


def best_push(
    body: Body, others: Sequence[Body], tool: np.ndarray, lower: np.ndarray, upper: np.ndarray, reach_m: float
) -> Push | None:
    """The cheapest way to tip an object over; None where there is no good one.

    What lies on no face leans on another object, or is being tipped already: only the latter goes on.

    Args:
        others: what stands around it.
        tool: [3] tool point [m].
        lower, upper: [2] ends of the workspace [m].
        reach_m: from the tool point down to the fingertips.
    """
    around = np.concatenate([other.surface for other in others])
    lying, found = _lies(body), []
    for push in _pushes(body):
        cost = _cost(push, around, lower, upper)
        if cost <= WORST:
            along, aside = (float(value[0]) for value in push.behind(tool[None, :2]))
            off = float(np.hypot(aside, max(0.0, along - 0.02) + max(0.0, -0.04 - along)))
            begun = off < 0.03 and tool[2] < push.tip_m + reach_m + 0.03
            if not (begun or lying):
                continue
            found.append((cost + FAR * min(off, 0.3) - BEGUN * begun, len(found), push))
    return min(found)[-1] if found else None


def _pushes(body: Body) -> Iterator[Push]:
    """One for each face that it could be tipped onto."""
    normals, _, areas = facets(body.name)
    normals = normals @ body.rotation.T
    rel = body.surface - body.centre
    floor, top = rel[:, 2].min(), rel[:, 2].max()
    large = areas > LARGE_M2
    for normal in normals[large]:
        turn, level = np.arccos(np.clip(-normal[2], -1, 1)), np.hypot(*normal[:2])
        if not LEAST_TURN_RAD < turn < LARGEST_TURN_RAD or level < 0.2:
            continue
        if not (normals[large] @ -normal > np.cos(np.radians(PARALLEL_DEG))).any():
            continue
        direction = normal[:2] / level
        aside = rel[:, :2] @ np.array([-direction[1], direction[0]])
        touched = rel[(np.abs(rel[:, 2] - (top - BELOW_TOP_M)) < 0.007) & (np.abs(aside) < 0.016)]
        if not len(touched):
            touched = rel[rel[:, 2] > top - 0.016]
        back = float((touched[:, :2] @ direction).min())
        edge = float((rel[rel[:, 2] < floor + 0.004][:, :2] @ direction).max())
        yield Push(
            direction,
            body.centre[:2] + back * direction,
            float(body.centre[2] + top - TIP_BELOW_TOP_M),
            edge / (top - floor - BELOW_TOP_M),
        )


def _cost(push: Push, around: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    along, aside = push.behind(around[:, :2])
    lane = np.abs(aside) < HALF_WIDTH_M
    low = around[:, 2] > push.tip_m - 0.004
    blocked = (lane & (along > -0.06) & (along < 0.0) & low).sum() > 3
    against = (lane & (along > 0.02) & (along < FALLS_OVER_M + 0.02)).sum() > 3
    start = push.start
    out = (start < lower - 0.004).any() or (start > upper + 0.004).any()
    there, here = basket_height(np.stack([push.contact + push.direction * FALLS_OVER_M, start]))
    uphill, on_slope = here > push.tip_m - 0.004, there > BASKET_TOP_M + 0.003
    return push.effort + OUT * out + BLOCKED * blocked + UPHILL * uphill + AGAINST * against + ON_SLOPE * on_slope
