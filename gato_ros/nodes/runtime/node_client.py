"""Asks things of nodes that are up, and waits for what they say: what every run over them needs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.nodes.runtime.qos import REPORT

START_LIMIT_S = 90.0
"""Nodes may take this long to come up: the policy compiles first."""
CALL_LIMIT_S = 30.0
ANSWER_LIMIT_S = 5.0
"""No node takes so long over an answer; it may have got lost [s]."""
FIRST_MOTION_LIMIT_S = 10.0


class LoopFailed(Exception):
    """The loop does not do what it should; the text says what was waited for."""


class LoopClient:
    """A client of guard_node and, where the robot is simulated, of sim_node. Use as a context manager, from one thread.

    Args:
        check: called while waiting; raises when a node is gone.
    """

    def __init__(self, name: str, namespace: str, check: Callable[[], None], simulated: bool = True):
        self._check, self._simulated = check, simulated
        # Ctrl-C is Python's to raise: rclpy would close the connection under the calls that still stop the robot.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = node = rclpy.create_node(name, namespace=namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._task: dict = {}
        self._reset_guard = node.create_client(Trigger, "guard_node/reset")
        self._needed = [self._reset_guard]
        if simulated:
            self._reset_sim = node.create_client(Trigger, "sim_node/reset")
            self._set_sim = node.create_client(SetParameters, "sim_node/set_parameters")
            self._needed += [self._reset_sim, self._set_sim]
            node.create_subscription(String, "sim_node/task", self._on_task, REPORT)

    def __enter__(self):
        return self

    def __exit__(self, *exception: object) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _on_task(self, message: String) -> None:
        self._task = json.loads(message.data)

    def _wait(self, done: Callable[[], bool], what: str, limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while not done():
            self._executor.spin_once(timeout_sec=0.02)
            self._check()
            if time.monotonic() > end_s:
                raise LoopFailed(f"waited {limit_s:g} s for {what}")

    def _call(self, client, request, what: str, carried_out: Callable[[], bool] | None = None):
        """The answer to a request.

        On a busy machine a node may answer before it has discovered this client, and the middleware drops that answer.
        Then the request is made again. What must not be done twice has `carried_out`: whether the node's state shows
        that it was done; then the answer is None.
        """
        futures, called_s = [client.call_async(request)], time.monotonic()

        def answered() -> bool:
            nonlocal called_s
            if any(future.done() for future in futures):
                return True
            if time.monotonic() - called_s < ANSWER_LIMIT_S:
                return False
            if carried_out is not None:
                return carried_out()
            futures.append(client.call_async(request))
            called_s = time.monotonic()
            return False

        try:
            self._wait(answered, what, CALL_LIMIT_S)
        finally:
            for future in futures:
                if not future.done():
                    client.remove_pending_request(future)
        return next((future.result() for future in futures if future.done()), None)

    def _set(self, client, what: str, **values: object) -> None:
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        )
        for result in self._call(client, request, f"{what} to be taken").results:
            if not result.successful:
                raise LoopFailed(f"{what} was refused: {result.reason}")

    def wait_until_up(self) -> None:
        """Wait for every service that is needed; a policy's appear when it is warm."""
        for client in self._needed:
            self._wait(client.service_is_ready, client.srv_name, START_LIMIT_S)
        if self._simulated:
            self._wait(lambda: bool(self._task), "the task's state", START_LIMIT_S)

    def _new_start(self, seed: int) -> None:
        """The simulator begins the episode that `seed` draws."""
        self._set(self._set_sim, "the seed", seed=seed)
        before = self._task["episode"]
        begun = lambda: self._task["episode"] > before
        answer = self._call(self._reset_sim, Trigger.Request(), "the simulator to start an episode", begun)
        if answer is not None and not answer.success:
            raise LoopFailed(f"sim_node could not start an episode: {answer.message}")
        self._wait(begun, "the new episode's state", CALL_LIMIT_S)

    def _arm(self) -> None:
        """The guard refuses until joint states arrive, so ask until it agrees."""
        end_s = time.monotonic() + FIRST_MOTION_LIMIT_S
        while True:
            answer = self._call(self._reset_guard, Trigger.Request(), "the guard to be armed")
            if answer.success:
                return
            if time.monotonic() > end_s:
                raise LoopFailed(f"guard_node stays stopped: {answer.message}")
            self._wait_a_little(0.05)

    def _wait_a_little(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.01)
