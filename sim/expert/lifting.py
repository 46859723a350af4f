"""A scripted expert that lifts one of the props and holds it in the air."""

from __future__ import annotations

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.sim.attempts.lifting import HEIGHT_M
from gato_ros.sim.expert.expert import Expert
from gato_ros.sim.expert.scene import Scene
from gato_ros.sim.scene import BASKET_TOP_M
from gato_ros.sim.task import LiftTask

HIGHER_M = 0.04
"""Above the wanted height: a prop that leaned on something began higher than the floor."""


class LiftingExpert(Expert[LiftTask]):
    """Does a LiftTask."""

    def _wish(self, scene: Scene) -> ArmAction:
        if not scene.held:
            return self._approach(scene)
        bottom = float(scene.top.surface[:, 2].min())
        up = min(BASKET_TOP_M + HEIGHT_M + HIGHER_M - bottom, self._ceiling - scene.tool[2])
        return self._funnels.action(np.array([0.0, 0.0, self._gates.gain * up]), 0.0, 0.0)
