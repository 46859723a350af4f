"""The simulator's scripted expert in the operator's seat, so that teleoperation is tested without a person.

It pushes a stick that is not there: what it wants goes through the dead man's switch, the mapping and the ramp like
anybody's deflections, and its commands through the guard.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import SetBool

from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.teleop.operator_input import OperatorInput
from gato_ros.core.timing.freshness import Sample
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import instant
from gato_ros.nodes.policy.observation_assembler import ObservationAssembler
from gato_ros.nodes.policy.sensor_subscriptions import SensorSubscriptions
from gato_ros.nodes.runtime.qos import REPORT

PATIENCE_S = 0.3
"""An expert that has seen nothing new for longer [s] lets go."""
TRUTH = "sim_node/ground_truth"
FUTURE_TOLERANCE_S = 0.05


class ExpertDevice:
    """Acts on every message of ground truth; ~/hands_on (std_srvs/SetBool) presses and releases its dead man's switch.

    Raises:
        SetupError: no such task.
    """

    screen, help_text = None, ""

    def __init__(self, node: Node, robot: Embodiment, task: str, hands_on: bool, wake: Callable[[], None]):
        from gato_ros.sim.expert import expert_for
        from gato_ros.sim.task import task_named

        self._node, self._wake, self._hands_on = node, wake, hands_on
        self._expert = expert_for(robot, task_named(task))
        seen = [key for key in self._expert.observation_keys if not key.startswith(PRIVILEGED_PREFIX)]
        self._assembler = ObservationAssembler(robot, seen, FUTURE_TOLERANCE_S)
        self._sensors = SensorSubscriptions(node, robot, self._assembler, self._offer, lambda why: None)
        self._full = robot.jog_upper
        self._episode: int | None = None
        self._input, self._thought_s = OperatorInput(), None
        self._blind = "it has seen nothing yet"
        self._truth = node.create_subscription(String, TRUTH, self._on_truth, REPORT)
        node.create_service(SetBool, "~/hands_on", self._on_hands_on)

    def _offer(self, name: str, value: np.ndarray, stamp_s: float | None) -> None:
        now = instant(self._node)
        self._assembler.offer(name, Sample(value, now.clock_s if stamp_s is None else stamp_s, now.steady_s))

    def _on_hands_on(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._hands_on = request.data
        self._wake()
        response.success, response.message = True, "held" if request.data else "released"
        return response

    def _on_truth(self, message: String) -> None:
        truth = json.loads(message.data)
        if truth["episode"] != self._episode:
            self._episode = truth["episode"]
            self._expert.reset()
        faults = self._assembler.faults(instant(self._node))
        self._blind = ", ".join(faults)
        if faults:
            return
        observation = self._assembler.observation()
        privileged = {key: np.array(value, np.float32) for key, value in truth["values"].items()}
        seen = Observation(observation.values, observation.stamp_s, privileged)
        action = self._expert.wish(seen)
        self._input = OperatorInput(action.twist / self._full, held=True, opening_m=action.gripper_opening_m)
        self._thought_s = time.monotonic()

    def read(self, now_s: float) -> OperatorInput:
        return self._input if self._hands_on and not self.fault(now_s) else OperatorInput()

    def orders(self, now_s: float) -> list[str]:
        return []

    def fault(self, now_s: float) -> str | None:
        if self._thought_s is not None and now_s - self._thought_s <= PATIENCE_S:
            return None
        if not self._truth.get_publisher_count():
            return f"nobody publishes {self._truth.topic_name}: start sim_node with ground_truth:=true"
        return self._blind or f"{self._truth.topic_name} is silent"

    def close(self) -> None:
        pass
