"""A scripted expert that pushes one of the props aside, along the floor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.core.prompt import Prompt
from gato_ros.sim.attempts.pushing import PUSHED_M
from gato_ros.sim.expert.expert import Expert
from gato_ros.sim.expert.level_base import LOWER_M_S
from gato_ros.sim.expert.pushing import Push, push
from gato_ros.sim.expert.scene import Scene
from gato_ros.sim.expert.shifting import TIP_ABOVE_FLOOR_M, WAYS
from gato_ros.sim.grasp import basket_height
from gato_ros.sim.scene import BASKET_CENTRE, BASKET_TOP_M
from gato_ros.sim.task import PushTask

NEEDED_M = PUSHED_M + 0.015
"""So far it should be free to go when a push begins."""
GAP_M = 0.010
"""Kept to another prop in front."""
BESIDE_M = 0.004
"""What is so much further aside than the target passes it."""
FLAT_M = 0.12
"""From the middle of the basket to where pushes end, 13 mm short of the slopes: an arm that presses against one goes
on for a while when it is told to stop."""
FINGER_M = 0.016
"""From the face that is pushed back to the tool."""
EDGE_M = 0.001
"""So far inside the workspace a push begins."""
END_M = 0.003
"""A push that is so near to its end is done."""
ROOMY_M = 0.12
"""More room around the middle of a prop is no better."""
PREFER_MIDDLE = 0.3
"""Of the basket: metres of room for each metre away from it."""
SHORT, WORST = 4.0, 2.0
"""Costs: of a way that is too short, and of one that is none."""
PREFER_SHORT, PREFER_NEAR = 2.0, 1.0
"""Costs per metre: of the way, and from the tool to where it begins."""
DRAW_M_S = 0.06
LOW_M = 0.002
"""What is drawn goes so far above the floor; it is set down below twice of that."""
_ANGLES = (np.arange(WAYS) + 0.5) * 2 * np.pi / WAYS
_DIRECTIONS = [np.array([np.cos(angle), np.sin(angle)]) for angle in _ANGLES]
"""[2] each, to all sides; none is where a wrist's range ends, at which the tool would turn to and fro."""
_PLACES = np.stack(np.meshgrid(*(np.array(BASKET_CENTRE)[:, None] + np.linspace(-1, 1, 11) * (FLAT_M - 0.036))), -1)
_PLACES = _PLACES.reshape(-1, 2)
"""[n 2] where the middle of a prop may be drawn to [m]."""


class PushingExpert(Expert[PushTask]):
    """Does a PushTask: goes on to where the floor, the workspace or another prop ends the way.

    Nobody sees where the prop started, so a push that stopped after a distance would be no function of the scene.
    Where closed fingers find no room behind the prop, as in a corner, they grip it and draw it along the floor to where
    the other props leave most room. That depends on the scene alone, but for a prop that lies near there already: it is
    drawn elsewhere, and where to is remembered for as long as it is held.
    """

    _goal: np.ndarray | None = None
    """[2] where what is held is drawn to [m]."""
    _drawn = False
    """It was let go there."""

    def reset(self, prompt: Prompt | None = None) -> None:
        super().reset(prompt)
        self._goal, self._drawn = None, False

    def _wish(self, scene: Scene) -> ArmAction:
        if scene.held:
            self._drawn = False
            return self._draw(scene)
        if self._drawn:
            return self._leave(scene, self._open)
        self._goal = None
        way, free = self._chosen(scene)
        if way is None:
            return self._approach(scene)
        if free < END_M:
            return self._leave(scene, 0.0)  # and, where that was not enough, begin anew from another side
        return push(self._funnels, self._fingers, self._floor, scene, self._within(way))

    def push(self, observation: Observation) -> tuple[Push, float] | None:
        """The push that it would choose, in the peer's numbers, and how far it goes [m]; None: it grips instead."""
        way, free = self._chosen(self._unpack(observation))
        return None if way is None else (way, free)

    def _sought(self, scene: Scene) -> tuple[np.ndarray, float]:
        way, _ = self._chosen(scene)
        if way is None:
            return super()._sought(scene)
        return np.append(self._within(way).start, max(way.tip_m + self._reach, self._floor)), way.yaw_rad

    def _chosen(self, scene: Scene) -> tuple[Push | None, float]:
        """The push that is on its way or else the best one, and how far it can go [m]; None where there is none."""
        ways = list(self._ways(scene))
        begun = [(off, i) for i, (way, _) in enumerate(ways) for on, off in [way.begun(scene, self._reach)] if on]
        if begun:
            return ways[min(begun)[1]]
        costs = [self._cost(scene, *one) for one in ways]
        if min(costs, default=np.inf) > WORST:
            return None, 0.0
        near = [PREFER_NEAR * float(np.linalg.norm(way.start - scene.tool[:2])) for way, _ in ways]
        return ways[int(np.argmin(np.add(costs, near)))]

    def _within(self, way: Push) -> Push:
        """The same push, from a start that the workspace holds: an arm that is told to leave it would stand still."""
        inside = np.clip(way.start, self._lower[:2] + EDGE_M, self._upper[:2] - EDGE_M)
        return replace(way, contact=way.contact + inside - way.start)

    @property
    def _reach(self) -> float:
        return self._fingers.pad_below_m

    def _cost(self, scene: Scene, way: Push, free: float) -> float:
        around = np.concatenate([scene.base.surface, scene.other.surface])
        return way.cost(around, self._lower[:2], self._upper[:2]) + SHORT * (free < NEEDED_M) + PREFER_SHORT * free

    def _draw(self, scene: Scene) -> ArmAction:
        """Close above the floor, then set it down and let go."""
        if self._goal is None:
            self._goal = self._room(scene)
        way = self._goal - scene.top.centre[:2]
        bottom = float(scene.top.surface[:, 2].min())
        if np.linalg.norm(way) > END_M:
            height = float(basket_height(scene.top.surface[:, :2]).max()) + LOW_M
            level = way * min(self._gates.gain, DRAW_M_S / float(np.linalg.norm(way)))
        elif bottom > BASKET_TOP_M + 2 * LOW_M:
            height, level = BASKET_TOP_M, np.zeros(2)
        else:
            self._drawn = True
            return self._funnels.stay(self._open)
        down = np.clip(self._gates.gain * (height - bottom), -LOWER_M_S, LOWER_M_S)
        return self._funnels.action(np.append(level, down), 0.0, 0.0)

    def _leave(self, scene: Scene, opening: float) -> ArmAction:
        """Upwards, once open fingers are clear of the target."""
        clear = opening == 0.0 or scene.opening > self._open - 0.006 or not (scene.left or scene.right)
        up = self._gates.gain * (self._ceiling - scene.tool[2]) if clear else 0.0
        return self._funnels.action(np.array([0.0, 0.0, up]), 0.0, opening)

    def _room(self, scene: Scene) -> np.ndarray:
        """[2] where what is held is drawn to [m]: the roomiest place far enough that it gets to straight, or aside."""
        around = np.concatenate([scene.base.surface, scene.other.surface])[:, :2]
        centre, points = scene.top.centre[:2], scene.top.surface[:, :2]
        here = scene.tool[:2] - centre
        lower, upper = self._lower[:2] - here, self._upper[:2] - here
        places = _PLACES[((lower <= _PLACES) & (upper >= _PLACES)).all(1)]
        apart = np.linalg.norm(places[:, None] - around[None], axis=2).min(1)
        worth = np.minimum(apart, ROOMY_M) - PREFER_MIDDLE * np.linalg.norm(places - BASKET_CENTRE, axis=1)
        ways = places - centre
        far = np.linalg.norm(ways, axis=1)
        for i in np.argsort(-worth, kind="stable"):
            if far[i] >= NEEDED_M and _gap(points, around, ways[i] / far[i]) - GAP_M > far[i]:
                return places[i]
        free = [min(_gap(points, around, one) - GAP_M, _to_end(centre[None], one, lower, upper)) for one in _DIRECTIONS]
        widest = int(np.argmax(np.minimum(free, NEEDED_M)))
        return centre + min(free[widest], NEEDED_M) * _DIRECTIONS[widest]

    def _ways(self, scene: Scene) -> Iterator[tuple[Push, float]]:
        """Pushes of the target to all sides, and how far each can go [m]."""
        body = scene.top
        around = np.concatenate([scene.base.surface, scene.other.surface])
        away = body.centre[:2] - np.mean([scene.base.centre[:2], scene.other.centre[:2]], axis=0)
        away = away / max(0.05, float(np.linalg.norm(away)))
        low = body.surface[body.surface[:, 2] < body.surface[:, 2].min() + 0.03]
        for direction in _DIRECTIONS:
            sideways = np.array([-direction[1], direction[0]])
            along, aside = (low[:, :2] - body.centre[:2]) @ direction, (low[:, :2] - body.centre[:2]) @ sideways
            touched = along[np.abs(aside) < 0.016]
            if not len(touched):
                continue
            contact = body.centre[:2] + touched.min() * direction
            height = max(float(body.surface[:, 2].min()), float(basket_height((contact - 0.02 * direction)[None])[0]))
            effort = 0.5 - 0.5 * float(away @ direction)
            way = Push(direction, contact, height + TIP_ABOVE_FLOOR_M, effort, 0.0, 0.0)
            yield way, self._free(way, body.surface, around)

    def _free(self, way: Push, surface: np.ndarray, around: np.ndarray) -> float:
        """How far the target can go that way [m]."""
        to_other = _gap(surface[:, :2], around[:, :2], way.direction) - GAP_M
        middle = np.array(BASKET_CENTRE)
        to_slope = _to_end(surface[:, :2], way.direction, middle - FLAT_M, middle + FLAT_M)
        tool = (way.contact - FINGER_M * way.direction)[None]
        return min(to_other, to_slope, _to_end(tool, way.direction, self._lower[:2], self._upper[:2]))


def _to_end(points: np.ndarray, direction: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """How far points [n 2] can go before the first leaves a rectangle [m]; below zero where one is outside."""
    ends = np.where(direction > 0, upper, lower) - points
    with np.errstate(divide="ignore"):
        ways = np.where(np.abs(direction) > 1e-9, ends / np.where(np.abs(direction) > 1e-9, direction, 1.0), np.inf)
    return float(ways.min())


def _gap(points: np.ndarray, others: np.ndarray, direction: np.ndarray) -> float:
    """How far points [n 2] can go before they meet others [m 2] that stand in front [m]."""
    axes = np.array([direction, [-direction[1], direction[0]]])
    (along, aside), (there, beside) = axes @ points.T, axes @ others.T
    in_lane = (beside > aside.min() - BESIDE_M) & (beside < aside.max() + BESIDE_M)
    in_front = there[in_lane & (there > (along.min() + along.max()) / 2)]
    return float(in_front.min() - along.max()) if len(in_front) else float("inf")
