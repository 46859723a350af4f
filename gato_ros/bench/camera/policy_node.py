"""The real policy_node around a policy that looks at its camera and moves a little: its own time hides nothing."""

from __future__ import annotations

import sys

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments import Embodiment
from gato_ros.nodes import policy_node

SPEED_M_S = 0.02


class LookingPolicy:
    """Goes left where the left half of the picture is the brighter one."""

    info = PolicyInfo()

    def __init__(self, robot: Embodiment):
        self.observation_keys = (robot.image_keys[0],)

    def reset(self, prompt: Prompt | None = None) -> None:
        """It keeps nothing."""

    def act(self, observation: Observation) -> Decision:
        left, right = np.hsplit(observation.values[self.observation_keys[0]], 2)
        side = SPEED_M_S if left.mean() > right.mean() else -SPEED_M_S
        return Decision(ArmAction(np.array([0.0, side, 0.0, 0.0]), 0.04))


def main() -> int:
    policy_node.make_policy = lambda name, robot, *more: LookingPolicy(robot)
    return policy_node.main()


if __name__ == "__main__":
    sys.exit(main())
