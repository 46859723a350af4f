"""The real policy_node around a policy that says, to and fro, what the environment says. A process of its own."""

import json
import os
import sys

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.policy import PolicyInfo
from gato_ros.nodes import policy_node

CENTRE, SWING = (np.array(values) for values in json.loads(os.environ["GATO_ROS_TEST_ACTION"]))
BASE = np.array(json.loads(os.environ.get("GATO_ROS_TEST_BASE", "[]")))
"""Of a mobile base, all the time."""
THERE = 20
"""Steps in one direction."""


class OtherPolicy:
    """Looks at the gripper alone, so that every control period is a step."""

    observation_keys = ("gripper/opening",)
    info = PolicyInfo()

    def __init__(self, robot):
        self._robot, self._steps = robot, 0

    def reset(self, prompt=None) -> None:
        pass

    def act(self, observation) -> Decision:
        self._steps += 1
        sign = 1.0 if (self._steps - 1) // THERE % 2 == 0 else -1.0
        base = {self._robot.base_key: BASE} if self._robot.base_key else {}
        return Decision(Action({self._robot.arm_key: CENTRE + sign * SWING, self._robot.gripper_key: 0.02, **base}))


if __name__ == "__main__":
    policy_node.make_policy = lambda name, robot, *_: OtherPolicy(robot)
    sys.exit(policy_node.main())
