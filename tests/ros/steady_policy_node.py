"""The real policy_node around a policy that wants one motion, read from the environment. A process of its own."""

import os
import sys

import numpy as np

from gato_ros.core.action import Action
from gato_ros.nodes import policy_node

TWIST = np.array([float(value) for value in os.environ["GATO_ROS_TEST_TWIST"].split(",")])


class SteadyPolicy:
    """Looks at one camera, so that every frame makes a tick."""

    observation_keys = ("basket_front_left/pixels",)

    def reset(self, prompt=None) -> None:
        pass

    def act(self, observation) -> Action:
        return Action(TWIST, 0.01)


if __name__ == "__main__":
    policy_node.make_policy = lambda *_: SteadyPolicy()
    sys.exit(policy_node.main())
