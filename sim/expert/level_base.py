"""What the expert does first where the base does not stand level: tip it over, or carry it off the basket's slope."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.embodiments.simulation import Fingers
from gato_ros.sim.expert.funnels import Funnels
from gato_ros.sim.expert.pushing import push
from gato_ros.sim.expert.scene import Body, Scene
from gato_ros.sim.expert.tipping import LEVEL_DEG, best_push, tilt_deg
from gato_ros.sim.grasp import Grasp, basket_height, best_grasp, find_grasps
from gato_ros.sim.scene import BASKET_CENTRE, BASKET_TOP_M

LEANS_DEG = 5.0
"""A base that leans less stands."""
CARRIED_DEG = 16.0
"""A base that leans less is left where it is: with half of it on the slope as much stands on it, and a policy that
learns from pictures is spared a grasp of what leans."""
CARRY_M_S, LOWER_M_S = 0.06, 0.05
LEAST_SCORE = 0.1
"""Of a grasp of the base that is worth trying."""
IN_THE_AIR_M = 0.02
"""A base that is so far above the basket is held, however it hangs."""
GAP_M = 0.004
"""Between the basket and a base that is carried."""
ROOM_M, ROOM_TO_FALL_M = 0.010, 0.035
"""To the slope, where it is set down, and where it still has to be tipped over."""


@dataclass
class LevelBase:
    """A function of the scene; its only memory is a cache of the possible grasps of the base."""

    funnels: Funnels
    fingers: Fingers
    lower: np.ndarray
    upper: np.ndarray
    """[3] ends of the workspace [m]."""
    _grasps: tuple[np.ndarray, list[Grasp]] | None = field(default=None, init=False)

    def wish(self, scene: Scene) -> ArmAction | None:
        """What to do now; None where the base stands, or where nothing is to be done about it."""
        tilt = tilt_deg(scene.base)
        on_floor = _on_floor(scene.base, ROOM_TO_FALL_M if tilt > LEVEL_DEG else ROOM_M)
        held = (tilt >= LEANS_DEG or not on_floor) and self._holds(scene)
        if tilt < LEANS_DEG and not held:
            return None
        if tilt > LEVEL_DEG and not held:
            way = best_push(scene, self.lower[:2], self.upper[:2], self.fingers.pad_below_m)
            if way is not None:
                return push(self.funnels, self.fingers, float(self.lower[2]), scene, way)
        if held:
            return self._carry(scene, on_floor)
        if on_floor or tilt < CARRIED_DEG:
            return None
        grasps = [grasp for grasp in self._grasps_of(scene) if not grasp.blocked and grasp.score > LEAST_SCORE]
        return self._grip(scene, best_grasp(grasps, scene.yaw)) if grasps else None

    def _grip(self, scene: Scene, grasp: Grasp) -> ArmAction:
        goal = scene.base.centre + grasp.offset
        goal[2] = max(goal[2], self.lower[2])
        error, turn = np.abs(goal - scene.tool), grasp.yaw_rad - scene.yaw
        if error[:2].max() < 0.012 and error[2] < 0.010 and abs(turn) < 0.2:
            return self.funnels.stay(0.0)
        return self.funnels.come_down(scene, goal, turn)

    def _carry(self, scene: Scene, on_floor: bool) -> ArmAction:
        """Towards the middle, just above the basket, until it lies over the flat floor; then set it down."""
        base, funnels = scene.base, self.funnels
        bottom = float(base.surface[:, 2].min())
        if on_floor:
            if bottom > BASKET_TOP_M + 0.003:
                return funnels.action(np.array([0.0, 0.0, -LOWER_M_S]), 0.0, 0.0)
            return funnels.stay(funnels.open_m)
        inward = np.array(BASKET_CENTRE) - base.centre[:2]
        wanted = float(basket_height(base.surface[:, :2]).max()) + GAP_M
        velocity = np.append(CARRY_M_S * inward / np.linalg.norm(inward), funnels.gates.gain * (wanted - bottom))
        return funnels.action(velocity, 0.0, 0.0)

    def _holds(self, scene: Scene) -> bool:
        """Whether the fingers have closed on the base, as far as the opening tells."""
        along, across, up = scene.in_tool(scene.base.surface)
        fingers = self.fingers
        between = (np.abs(along) < fingers.pad_half_width_m) & (up > -fingers.pad_below_m) & (up < fingers.pad_above_m)
        gripped = across[between]
        if len(gripped) <= 8 or not gripped.min() < 0 < gripped.max():
            return False
        in_the_air = bool(
            scene.base.surface[:, 2].min() > IN_THE_AIR_M + basket_height(scene.base.surface[:, :2]).max()
        )
        return in_the_air or bool(scene.opening < np.ptp(gripped) + 0.004)

    def _grasps_of(self, scene: Scene) -> list[Grasp]:
        """All grasps of the base where it lies; computed anew when anything has moved."""
        base, corners = scene.base, scene.corners()
        if self._grasps is not None and np.abs(self._grasps[0] - corners).max() < 0.004:
            return self._grasps[1]
        around = np.concatenate([scene.other.surface, scene.top.surface])
        grasps = find_grasps(
            base.name, base.rotation, base.centre, base.surface, around, float(self.lower[2]), self.fingers
        )
        self._grasps = (corners, grasps)
        return grasps

    def reset(self) -> None:
        """Forget the grasps."""
        self._grasps = None


def _on_floor(body: Body, room_m: float) -> bool:
    """Whether it lies over the flat part of the basket, with so much room to the slope."""
    outward = body.centre[:2] - BASKET_CENTRE
    room = room_m * outward / max(1e-6, float(np.linalg.norm(outward)))
    return bool(basket_height(body.surface[:, :2] + room).max() < BASKET_TOP_M + 0.001)
