"""A scripted stacker over ground truth, made to be cloned."""

from __future__ import annotations

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.observation import Observation
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments import Embodiment
from gato_ros.sim.expert.expert import Expert
from gato_ros.sim.expert.level_base import LevelBase
from gato_ros.sim.expert.scene import Scene
from gato_ros.sim.task import RED_ON_BLUE, StackTask


class StackingExpert(Expert[StackTask]):
    """Does a StackTask."""

    def __init__(self, embodiment: Embodiment | None = None, task: StackTask = RED_ON_BLUE):
        super().__init__(embodiment, task)
        self._level_base = LevelBase(self._funnels, self._fingers, self._lower, self._upper)

    def reset(self, prompt: Prompt | None = None) -> None:
        super().reset(prompt)
        self._level_base.reset()

    def _wish(self, scene: Scene) -> ArmAction:
        if self._should_release(scene):
            return self._let_go(scene)
        if scene.held:
            return self._carry(scene)
        if self._resting_on_base(scene):
            return self._let_go(scene)
        return self._level_base.wish(scene) or self._approach(scene)

    # --- what the expert thinks, for whoever arranges situations for it or learns from it ---

    def _approaching(self, scene: Scene) -> bool:
        return not (scene.held or self._resting_on_base(scene))

    def _place_planned(self, observation: Observation) -> tuple[float, float, float, float]:
        (x, y), top, bottom = self.place(observation)
        return x, y, top, bottom

    def place(self, observation: Observation) -> tuple[np.ndarray, float, float]:
        """Where the top object's centre should go [2], the height of the base's top, its own lowest point [m]."""
        goal, *heights = self._place(self._unpack(observation))
        lower, upper = (self._cell.to_base(np.append(goal, height)) for height in heights)
        return lower[:2], float(lower[2]), float(upper[2])

    def _resting_on_base(self, scene: Scene) -> bool:
        offset = scene.top.centre - scene.base.centre
        return bool(np.hypot(*offset[:2]) < 0.045 and offset[2] > 0.02 and scene.on_base and not scene.on_ground)

    # --- above the base ---

    def _place(self, scene: Scene) -> tuple[np.ndarray, float, float]:
        """Where the top object's centre should go [2], the height of the base's top, its own lowest point [m]."""
        top = float(scene.base.surface[:, 2].max())
        centroid = scene.stand
        # The success allows 50 mm between the centres: stay well inside it.
        away = centroid - scene.base.centre[:2]
        reach = np.linalg.norm(away)
        if reach > 0.035:
            centroid = scene.base.centre[:2] + away * 0.035 / reach
        return centroid, top, float(scene.top.surface[:, 2].min())

    def _should_release(self, scene: Scene) -> bool:
        goal, top, bottom = self._place(scene)
        lateral = np.hypot(*(goal - scene.top.centre[:2]))
        return bool(
            lateral < self._gates.release_lateral_m
            and -0.02 < bottom - top < self._gates.release_gap_m
            and not scene.on_ground
        )

    def _carry(self, scene: Scene) -> ArmAction:
        gates = self._gates
        goal, top, bottom = self._place(scene)
        error = goal - scene.top.centre[:2]
        lateral = float(np.hypot(*error))
        high = max(top, float(scene.other.surface[:, 2].max()) if self._passes_other(scene, goal) else top)
        over = np.clip((lateral - 0.006) / 0.02, 0, 1)
        height = bottom + (self._ceiling - scene.tool[2])  # the highest that red's lowest point can get
        wanted = min(top + over * (high - top + gates.carry_clearance_m), height)
        below = wanted - bottom
        slow = np.clip(1.0 - (below - 0.008) / 0.015, 0.0, 1.0)
        down = below - gates.beyond_m if over < 0.5 else below
        velocity = gates.gain * np.array([error[0] * slow, error[1] * slow, down])
        return self._funnels.action(velocity, 0.0, 0.0)

    def _passes_other(self, scene: Scene, goal: np.ndarray) -> bool:
        way = goal - scene.top.centre[:2]
        length = np.linalg.norm(way)
        if length < 1e-6:
            return False
        unit = way / length
        relative = scene.other.centre[:2] - scene.top.centre[:2]
        return bool(-0.04 < relative @ unit < length + 0.04 and abs(relative @ np.array([-unit[1], unit[0]])) < 0.075)
