"""A scripted expert that moves one of the props aside, along the floor."""

from __future__ import annotations

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.sim.attempts.pushing import PUSHED_M
from gato_ros.sim.expert.expert import Expert
from gato_ros.sim.expert.level_base import LOWER_M_S
from gato_ros.sim.expert.scene import Scene
from gato_ros.sim.grasp import Grasp, basket_height, best_grasp
from gato_ros.sim.scene import BASKET_CENTRE, BASKET_TOP_M
from gato_ros.sim.task import PushTask

NEEDED_M = PUSHED_M + 0.020
"""A place that is nearer is not worth the way."""
TURNED_M, BEGUN_M = PUSHED_M + 0.008, 0.03
"""The same once the wrist is turned for it, and once the fingers are down beside the prop: what was begun goes on."""
CLEAR_M = (0.070, 0.062, 0.054, 0.046)
"""From the middle of the prop on its way to that of another one, if it can be: cubes side by side stand 50 mm apart."""
FINGERS = 1.3
"""So many times as far on the sides where the fingers are."""
PREFER_TURNED_M = 0.010
"""A way on the side for which the wrist is turned may be so much narrower."""
ROOMY_M = 0.12
"""More room around a place is no better."""
PUSH_M_S = 0.06
AT_M = 0.010
"""So near to its place the prop is let go."""
LEFT_M = 0.018
"""So near to it a prop that was let go stays."""
LOW_M, LET_GO_M = 0.002, 0.008
"""What is pushed goes so far above the floor, and is let go below that."""


def _grid(along: tuple[float, ...], beside: tuple[float, ...]) -> np.ndarray:
    return np.array(BASKET_CENTRE) + np.array([[x, y] for y in beside for x in along])


_PLACES = {side: _grid((0.0, -0.075, 0.075), (side * 0.08, side * 0.04)) for side in (-1, 1)}
"""Side of the basket -> [n 2] where a prop may be moved to [m]."""
_TURNS = _grid((-0.09, -0.06, -0.03, 0.0, 0.03, 0.06, 0.09), (-0.09, -0.06, -0.03, 0.0, 0.03, 0.06, 0.09))
"""[n 2] where its way may turn [m]."""


class PushingExpert(Expert[PushTask]):
    """Does a PushTask: takes the prop between the fingers and slides it along the floor, to the roomiest place there.

    Nobody sees where the prop started. So the wrist says where it goes: turned to the left of the middle of its range,
    to the left side of the basket; turned to the right, to the right side. A prop that lies near its place on one side
    is gripped for the other one. So it gets far enough, and every action is a function of the scene.
    """

    def _wish(self, scene: Scene) -> ArmAction:
        if scene.held:
            return self._slide(scene)
        if self._around(scene):
            way, _ = self._way(scene, scene.yaw)
            if way and np.linalg.norm(way[-1] - scene.top.centre[:2]) < LEFT_M:
                return self._let_go(scene)
        return self._approach(scene)

    def _place_planned(self, observation: Observation) -> tuple[float, float, float, float]:
        scene = self._unpack(observation)
        way, _ = self._way(scene, scene.yaw if scene.held else self._sought(scene)[1])
        if not way:
            return super()._place_planned(observation)
        bottom = float(scene.top.surface[:, 2].min())
        lower, upper = (self._cell.to_base(np.append(way[-1], height)) for height in (BASKET_TOP_M, bottom))
        return float(lower[0]), float(lower[1]), float(lower[2]), float(upper[2])

    def place(self, observation: Observation, yaw_rad: float) -> np.ndarray | None:
        """[2] where it would be moved to in fingers with that yaw [m]; None where there is no way."""
        way, _ = self._way(self._unpack(observation), yaw_rad)
        return self._cell.to_base(np.append(way[-1], 0.0))[:2] if way else None

    def _grasps(self, scene: Scene) -> list[Grasp]:
        """Those that let it go far enough, past the other props with most room."""
        grasps = super()._grasps(scene)
        room = {side: self._room(scene, side) for side in _PLACES}
        best = max(room.values())
        return [one for one in grasps if room[self._side(one.yaw_rad)] == best > 0] or grasps

    def _side(self, yaw_rad: float) -> int:
        """Of the basket, where a tool with that yaw goes: 1 is left."""
        return 1 if yaw_rad > np.mean(self._fingers.yaw_rad) else -1

    def _around(self, scene: Scene) -> bool:
        """Whether the fingers are down beside the target."""
        away = scene.tool - scene.top.centre
        return bool(np.hypot(*away[:2]) < 0.03 and away[2] < 0.03)

    def _room(self, scene: Scene, side: int) -> float:
        """How far from the others a way passes that leads to that side, far enough [m]; 0: there is none.

        More on the side for which the wrist is turned: what was begun goes on.
        """
        there = [one for one in super()._grasps(scene) if self._side(one.yaw_rad) == side]
        if not there:
            return 0.0
        way, apart = self._way(scene, best_grasp(there, scene.yaw).yaw_rad)
        turned = side == self._side(scene.yaw)
        needed = (BEGUN_M if self._around(scene) else TURNED_M) if turned else NEEDED_M
        if not way or np.linalg.norm(way[-1] - scene.top.centre[:2]) < needed:
            return 0.0
        return apart + PREFER_TURNED_M * turned

    def _way(self, scene: Scene, yaw_rad: float) -> tuple[list[np.ndarray], float]:
        """Of the prop in fingers with that yaw, past the others to the roomiest place on their side.

        The place [2], or where to turn [2] and the place, or nothing; and how far from the others it leads [m].
        """
        sine, cosine = np.sin(yaw_rad), np.cos(yaw_rad)
        axes = np.array([[cosine, sine / FINGERS], [sine, -cosine / FINGERS]])  # in these, all sides need equal room
        others = np.stack([scene.base.centre[:2], scene.other.centre[:2]]) @ axes
        places, here = _PLACES[self._side(yaw_rad)], scene.top.centre[:2] @ axes
        at, turns = places @ axes, _TURNS @ axes
        room, free = (np.linalg.norm(grid[:, None] - others[None], axis=2).min(1) for grid in (at, turns))
        for apart in CLEAR_M:
            by = np.flatnonzero((free > apart) & _clear(here[None], turns, others, apart))
            for i in np.argsort(-np.minimum(room, ROOMY_M), kind="stable"):
                if room[i] < apart:
                    break
                if _clear(here[None], at[i][None], others, apart)[0]:
                    return [places[i]], apart
                good = by[_clear(turns[by], at[i][None], others, apart)]
                if len(good):
                    length = np.linalg.norm(turns[good] - here, axis=1) + np.linalg.norm(turns[good] - at[i], axis=1)
                    return [_TURNS[good[int(np.argmin(length))]], places[i]], apart
        return [], 0.0

    def _slide(self, scene: Scene) -> ArmAction:
        """To its place, low above the floor, and let go there."""
        here, bottom = scene.top.centre[:2], float(scene.top.surface[:, 2].min())
        height = float(basket_height(scene.top.surface[:, :2]).max()) + LOW_M
        way, _ = self._way(scene, scene.yaw)
        there = not way or np.linalg.norm(way[-1] - here) < AT_M
        if there and bottom < height + LET_GO_M:
            return self._funnels.stay(self._open)
        level = np.zeros(2) if there else way[0] - here
        level = level * PUSH_M_S / max(1e-6, float(np.linalg.norm(level)))
        down = np.clip(self._gates.gain * (height - bottom), -LOWER_M_S, LOWER_M_S)
        return self._funnels.action(np.append(level, down), 0.0, 0.0)


def _clear(begin: np.ndarray, end: np.ndarray, others: np.ndarray, enough: float) -> np.ndarray:
    """Whether the straight ways from `begin` to `end` ([n 2], one of them may be [1 2]) lead past others [m 2] [m].

    From one that is nearer already a way may lead away.
    """
    begin, end = np.broadcast_arrays(begin, end)
    way = end - begin
    to = others[None] - begin[:, None]
    along = np.clip((to * way[:, None]).sum(2) / np.maximum(1e-9, (way**2).sum(1))[:, None], 0.0, 1.0)
    apart = np.linalg.norm(to - along[:, :, None] * way[:, None], axis=2)
    return (apart >= np.minimum(enough, np.linalg.norm(to, axis=2) - 0.001)).all(1)
