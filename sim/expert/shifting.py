"""Ways to push an object along the floor, out of the reach of what keeps the fingers from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gato_ros.sim.expert.pushing import BEHIND_M, Push, cheapest
from gato_ros.sim.expert.scene import Body, Scene
from gato_ros.sim.grasp import basket_height
from gato_ros.sim.scene import BASKET_CENTRE

WAYS = 16
TIP_ABOVE_FLOOR_M = 0.007
"""How high the fingertips are: a low push shifts, a high one would tip."""
WORST = 2.4
"""A way that costs more is none: a slope or another object in front are better than fingers that stand on something."""
AGAINST = 2.2
"""Of an object in front: it comes along, and is still in the way. More than a slope in front costs."""
PUSHED_M = 0.04
"""How far it should be free to go."""


def best_shift(scene: Scene, lower: np.ndarray, upper: np.ndarray, reach_m: float) -> Push | None:
    """The cheapest way to shift the top object; None where there is no good one. Arguments as of `best_push`."""
    around = np.concatenate([scene.base.surface, scene.other.surface])
    return cheapest(_pushes(scene.top), scene, around, lower, upper, reach_m, WORST)


def _pushes(body: Body) -> Iterator[Push]:
    """All around it; towards the middle of the basket is best."""
    rel = body.surface - body.centre
    low = rel[rel[:, 2] < rel[:, 2].min() + 0.03]
    inward = np.array(BASKET_CENTRE) - body.centre[:2]
    inward = inward / max(0.05, float(np.linalg.norm(inward)))
    for angle in np.linspace(0, 2 * np.pi, WAYS, endpoint=False):
        direction = np.array([np.cos(angle), np.sin(angle)])
        touched = low[np.abs(low[:, :2] @ np.array([-direction[1], direction[0]])) < 0.016]
        if not len(touched):
            continue
        back, front = (float(end) for end in ((touched[:, :2] @ direction).min(), (rel[:, :2] @ direction).max()))
        contact = body.centre[:2] + back * direction
        floor = max(float(body.surface[:, 2].min()), float(basket_height((contact - BEHIND_M * direction)[None])[0]))
        yield Push(
            direction,
            contact,
            floor + TIP_ABOVE_FLOOR_M,
            0.5 - 0.5 * float(inward @ direction),
            front - back + PUSHED_M,
            AGAINST,
        )
