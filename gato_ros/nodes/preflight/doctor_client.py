"""The doctor's own node: waits for a robot's nodes, listens, asks for parameters, and nudges the gripper on request."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.timing.arrivals import Timing
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.preflight.nodes import commands
from gato_ros.embodiments.preflight.robot_snapshot import Nudge, RobotSnapshot
from gato_ros.embodiments.preflight.wire import base_name, sensors
from gato_ros.nodes.guard.command_watch import UNKNOWN
from gato_ros.nodes.messages.proposal import proposal_messages
from gato_ros.nodes.preflight.gate import Preflight
from gato_ros.nodes.preflight.ros_graph import DOCTOR, nodes_beside, topic_facts
from gato_ros.nodes.runtime.node_specs import PARAMETERS
from gato_ros.nodes.runtime.qos import COMMAND
from gato_ros.nodes.runtime.transport import avoid_shared_memory

ANSWER_S = 3.0
"""A node that does not answer for its parameters within this [s] has none."""
NUDGE_SHARE = 0.25
"""Of the stroke."""
NUDGE_S = 1.5
PROPOSAL_PERIOD_S = 0.05


class DoctorClient:
    """A context manager, to be used from one thread."""

    def __init__(self, robot: Embodiment, namespace: str, window_s: float):
        self._robot = robot
        avoid_shared_memory(os.environ)
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node(DOCTOR, namespace=namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._window_s = window_s
        self._preflight = self._begin(None)

    def _begin(self, keys: tuple[str, ...] | None) -> Preflight:
        collector = Preflight(self._node, self._robot, DOCTOR, window_s=self._window_s)
        collector.keys = keys  # everything is received, and what the policy reads is judged
        return collector

    def __enter__(self) -> DoctorClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _spin(self, until: Callable[[], bool], limit_s: float) -> bool:
        end_s = time.monotonic() + limit_s
        while not until():
            if time.monotonic() > end_s:
                return False
            self._executor.spin_once(timeout_sec=0.005)
            self._preflight.look()
        return True

    def _there(self, parts: set[str]) -> bool:
        """Whether every part that is expected has been received, and all names are known."""
        if "robot" in parts and not all(self._preflight.received(one.topic) for one in sensors(self._robot)):
            return False
        if not all(self._preflight.status(name) for name in ("guard", "policy") if name in parts):
            return False
        graph = [topic_facts(self._node, name, Timing(), ()) for name in commands(self._robot)]
        if {"robot", "guard"} <= parts and not all(one.publishers and one.subscribers for one in graph):
            return False
        return not any(base_name(end.node) == UNKNOWN for one in graph for end in (*one.publishers, *one.subscribers))

    def wait(self, parts: Iterable[str], limit_s: float) -> None:
        """Until all `parts` have been received, or the limit; then go by their clock."""
        wanted, looked_s = set(parts), 0.0

        def there() -> bool:
            # The ROS graph is slow to read.
            nonlocal looked_s
            if time.monotonic() - looked_s < 0.2:
                return False
            looked_s = time.monotonic()
            return self._there(wanted)

        self._spin(there, limit_s)
        times = self.parameters("use_sim_time").values()
        if times and all(times):
            self._node.set_parameters([Parameter("use_sim_time", value=True)])

    def parameters(self, name: str) -> dict[str, object]:
        """Full name of each of our nodes in the namespace -> its value of this parameter, of those that have it."""
        calls = {}
        for node in sorted(set(nodes_beside(self._node))):
            if base_name(node) in PARAMETERS:
                client = self._node.create_client(GetParameters, f"{node}/get_parameters")
                self._spin(client.service_is_ready, ANSWER_S)
                if client.service_is_ready():
                    calls[node] = client.call_async(GetParameters.Request(names=[name]))
        self._spin(lambda: all(future.done() for future in calls.values()), ANSWER_S)
        answers = {node: future.result().values for node, future in calls.items() if future.done() and future.result()}
        return {
            node: parameter_value_to_python(values[0])
            for node, values in answers.items()
            if values and values[0].type != ParameterType.PARAMETER_NOT_SET
        }

    def listen(self, seconds: float, keys: tuple[str, ...] | None) -> RobotSnapshot:
        """What is observed in so many seconds from now on; `keys` are what the policy reads."""
        times = self.parameters("use_sim_time")
        self._preflight.close()
        self._preflight = self._begin(keys)
        self._spin(lambda: self._preflight.listened_s >= seconds, 3.0 * seconds)
        return replace(self._preflight.snapshot(), simulated_time=times)

    # --- the gripper ---

    def nudge(self) -> Nudge:
        """Opens or closes the gripper a little and back, as a person would: over the guard's human topics only."""
        now = self._preflight.newest_gripper()
        if refusal := self._speaks_against(now):
            return Nudge(refused=refusal)
        opening_m, step_m = now[0], NUDGE_SHARE * self._robot.gripper.stroke_m
        if opening_m + step_m > self._robot.gripper.stroke_m:
            step_m = -step_m
        wire = self._robot.wire
        publishers = (
            self._node.create_publisher(TwistStamped, wire.human_twist, COMMAND),
            self._node.create_publisher(JointState, wire.human_gripper, COMMAND),
        )
        if not self._spin(lambda: all(self._guards(publisher) for publisher in publishers), ANSWER_S):
            return Nudge(refused="guard_node does not listen to a person's proposals")
        try:
            moved_m = self._hold(publishers, opening_m + step_m) - opening_m
        finally:
            self._hold(publishers, opening_m)
            for publisher in publishers:
                self._node.destroy_publisher(publisher)
        return Nudge(commanded_m=step_m, moved_m=moved_m)

    def _speaks_against(self, gripper: tuple[float, float] | None) -> str:
        guard, own = self._preflight.status("guard"), self._robot.gripper
        if gripper is None or not np.isfinite(gripper).all():
            return "nothing is known of the gripper"
        if abs(gripper[1]) > own.grasp_threshold_n:
            return f"the gripper holds something ({gripper[1]:.1f} N)"
        if guard is None:
            return "there is no guard to do it through"
        if guard.message == "latched":
            return f"guard_node is latched ({guard.values.get('reasons', '')})"
        if self._node.count_publishers(self._robot.wire.human_gripper):
            return "somebody else is in the operator's seat"
        return ""

    def _guards(self, publisher) -> bool:
        infos = self._node.get_subscriptions_info_by_topic(publisher.topic_name)
        return any(info.node_name == "guard_node" for info in infos)

    def _hold(self, publishers: tuple, opening_m: float) -> float:
        """Propose a standstill and this opening for a while; the opening [m] that is reported then."""
        end_s = time.monotonic() + NUDGE_S
        while time.monotonic() < end_s:
            stamp = self._node.get_clock().now().to_msg()
            proposal = proposal_messages(self._robot, ArmAction(np.zeros(4), opening_m), stamp)
            for publisher, message in zip(publishers, proposal):
                publisher.publish(message)
            self._spin(lambda: False, PROPOSAL_PERIOD_S)
        now = self._preflight.newest_gripper()
        return now[0] if now else float("nan")
