"""Joint states of another arm, as they come."""

from __future__ import annotations

import time

import numpy as np
from sensor_msgs.msg import JointState

from gato_ros.core.guard.neighbours.neighbour import NeighbourState
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.neighbours.geometry import NeighbourGeometry
from gato_ros.embodiments.neighbours.placement import joint_states_topic
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.joint_state import OtherJoints, values_by_name


class NeighbourInput:
    """The newest state of one neighbour of `robot`."""

    def __init__(self, robot: Embodiment, name: str):
        stated, arm = robot.guard_neighbours[name], robot.neighbour(name)
        self.topic = joint_states_topic(stated, arm)
        """Of its joint states."""
        self._joints, self._geometry = arm.arm.joints, NeighbourGeometry(arm, stated)
        self._received: tuple[np.ndarray, float, float] | None = None
        self._state: NeighbourState | None = None

    def receive(self, message: JointState) -> None:
        """Keep it; JointsRefused where it does not hold this arm's joints."""
        received_s = time.monotonic()
        try:
            position = values_by_name(message, "position", self._joints, closed=False)
        except OtherJoints:
            # Another device's state on the same topic, as long as somebody publishes this arm's: ages judge that.
            if self._received is None and self._state is None:
                raise
            return
        self._received = (position, seconds(message.header.stamp), received_s)

    @property
    def state(self) -> NeighbourState | None:
        """The newest; those that nobody asks for cost no kinematics."""
        if self._received is not None:
            self._state, self._received = self._geometry.state(*self._received), None
        return self._state
