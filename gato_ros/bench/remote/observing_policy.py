"""A policy that takes the whole observation and no time of its own, here or behind a server. Without ROS."""

from __future__ import annotations

import sys

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments import Embodiment, load_embodiment

SPEED_M_S = 0.02


class ObservingPolicy:
    """Goes left where the left half of the first picture is the brighter one."""

    info = PolicyInfo()

    def __init__(self, robot: Embodiment):
        self.observation_keys = tuple(robot.observation_keys)
        self._picture = robot.image_keys[0]

    def reset(self, prompt: Prompt | None = None) -> None:
        """It keeps nothing."""

    def act(self, observation: Observation) -> Decision:
        left, right = np.hsplit(observation.values[self._picture], 2)
        side = SPEED_M_S if left.mean() > right.mean() else -SPEED_M_S
        return Decision(ArmAction(np.array([0.0, side, 0.0, 0.0]), 0.04))


def main() -> int:
    """Serve it, and say where as `gato_ros serve` does."""
    from gato_ros.remote.address import Address
    from gato_ros.remote.host import PolicyHost
    from gato_ros.remote.server import PolicyServer

    robot = load_embodiment()
    server = PolicyServer(PolicyHost(ObservingPolicy(robot), robot, "observing"), Address("127.0.0.1", 0))
    print(f"serving on {server.address}", flush=True)
    server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
