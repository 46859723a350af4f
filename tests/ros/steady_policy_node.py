"""The real policy_node around a policy that goes to and fro as the environment says. A process of its own."""

import os
import sys

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.policy import PolicyInfo
from gato_ros.nodes import policy_node

TWIST = np.array([float(value) for value in os.environ["GATO_ROS_TEST_TWIST"].split(",")])
THERE = 200
"""Steps in one direction: simulated time may run fast, and the workspace has walls."""


class SteadyPolicy:
    """Looks at one camera, so that every frame makes a tick."""

    observation_keys = ("basket_front_left/pixels",)
    info = PolicyInfo()

    def __init__(self):
        self._steps = 0

    def reset(self, prompt=None) -> None:
        pass

    def act(self, observation) -> Decision:
        self._steps += 1
        return Decision(ArmAction(TWIST if (self._steps - 1) // THERE % 2 == 0 else -TWIST, 0.01))


if __name__ == "__main__":
    policy_node.make_policy = lambda *_: SteadyPolicy()
    sys.exit(policy_node.main())
