"""Ways to push a leaning object over, so that what is put on it has a level face to stand on.

A tapered block that lies on a slanted side shows another slanted side: whatever is put there slides off. Thirty of 33
failures on triplet 2 were that. A push high at its back tips it onto a face whose opposite is level.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gato_ros.sim.expert.pushing import Push, cheapest
from gato_ros.sim.expert.scene import Body, Scene
from gato_ros.sim.grasp import facets

LEVEL_DEG = 20.0
"""A block that leans less is not tipped over."""
WORST = 1.5
"""A way that costs more is none."""
LARGE_M2 = 3e-4
"""A face to stand on is no smaller."""
LIES_DEG = 6.0
"""Between a face and the floor that it lies on."""
PARALLEL_DEG = 15.0
"""Between the face that it will stand on and the one that is then on top."""
LEAST_TURN_RAD, LARGEST_TURN_RAD = 0.25, np.radians(100)
BELOW_TOP_M, TIP_BELOW_TOP_M = 0.010, 0.012
"""Where the fingers touch it, and how low their tips are."""
FALLS_OVER_M = 0.09
"""Room that it needs in front of it."""


def tilt_deg(body: Body) -> float:
    """How far the face that looks up most is from level."""
    normals, _, areas = facets(body.name)
    up = (normals @ body.rotation[2])[areas > LARGE_M2 / 2]
    return float(np.degrees(np.arccos(np.clip(up.max(), -1, 1))))


def _lies(body: Body) -> bool:
    """Whether it lies on one of its faces."""
    down = -(facets(body.name)[0] @ body.rotation[2])
    return bool(down.max() > np.cos(np.radians(LIES_DEG)))


def best_push(scene: Scene, lower: np.ndarray, upper: np.ndarray, reach_m: float) -> Push | None:
    """The cheapest way to tip the base over; None where there is no good one.

    What lies on no face leans on another object, or is being tipped already: only the latter goes on.

    Args:
        lower, upper: [2] ends of the workspace [m].
        reach_m: from the tool point down to the fingertips.
    """
    around = np.concatenate([scene.top.surface, scene.other.surface])
    return cheapest(_pushes(scene.base), scene, around, lower, upper, reach_m, WORST, _lies(scene.base))


def _pushes(body: Body) -> Iterator[Push]:
    """One for each face that it could be tipped onto; its effort is the distance of the edge about which it turns, by
    the height of the push. Where this is small, friction tips it."""
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
            FALLS_OVER_M,
        )
