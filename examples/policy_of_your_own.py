"""A policy of your own behind the Policy seam: it sees what it names, and acts like any other."""

import numpy as np

import gato_ros
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.policy import PolicyInfo


class Circle:
    """The tool goes round in a circle with the gripper open."""

    observation_keys = ("gripper/opening", "sawyer/pinch/pose")
    info = PolicyInfo()

    def reset(self, prompt=None):
        self.step = 0

    def act(self, observation):
        self.step += 1
        angle = 2 * np.pi * self.step / 100
        twist = np.array([0.03 * np.cos(angle), 0.03 * np.sin(angle), 0.0, 0.0])
        return Decision(ArmAction(twist, gripper_opening_m=0.085))


policy = Circle()
env = gato_ros.make("rgb_stacking", policy=policy)
outcome = gato_ros.run_episode(policy, env, seed=1)
print(f"stacked: {outcome.success}, as expected of a circle; {outcome.steps} steps")
