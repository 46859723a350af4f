"""Runs episodes on nodes that are already up, and watches what crosses the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image, TimeReference
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.embodiments import Embodiment
from gato_ros.nodes.clocks import nanoseconds
from gato_ros.nodes.diagnosis import values_of
from gato_ros.nodes.episode_record import EpisodeRecord
from gato_ros.nodes.image import ImageRefused, rgb_from_message
from gato_ros.nodes.quality import CAMERA, REPORT

START_LIMIT_S = 90.0
"""Nodes may take this long to come up: the policy compiles first."""
CALL_LIMIT_S = 30.0
FIRST_MOTION_LIMIT_S = 10.0


class LoopFailed(Exception):
    """The loop does not do what it should; the text says what was waited for."""


class EpisodeRunner:
    """A client of sim_node, policy_node and guard_node. Use as a context manager, from one thread.

    Args:
        check: called while waiting; raises when a node is gone.
    """

    def __init__(self, robot: Embodiment, namespace: str, check: Callable[[], None]):
        self._robot, self._check = robot, check
        # Ctrl-C is Python's to raise: rclpy would close the connection under the calls that still stop the robot.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = node = rclpy.create_node("episode_runner", namespace=namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._record: EpisodeRecord | None = None
        self._task: dict = {}
        self._pictures, self._pictures_ns = {}, 0
        self._reset_sim = node.create_client(Trigger, "sim_node/reset")
        self._set_sim = node.create_client(SetParameters, "sim_node/set_parameters")
        self._reset_policy = node.create_client(Trigger, "policy_node/reset")
        self._propose = node.create_client(SetBool, "policy_node/propose")
        self._reset_guard = node.create_client(Trigger, "guard_node/reset")
        node.create_subscription(TimeReference, "policy_node/timing", self._on_proposal, REPORT)
        node.create_subscription(TimeReference, "guard_node/timing", self._on_command, REPORT)
        node.create_subscription(DiagnosticStatus, "guard_node/status", self._on_verdict, REPORT)
        node.create_subscription(String, "sim_node/task", self._on_task, REPORT)
        for key in robot.image_keys:
            node.create_subscription(Image, robot.observations[key].topic, self._on_image(key), CAMERA)

    def __enter__(self) -> "EpisodeRunner":
        return self

    def __exit__(self, *exception) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _on_proposal(self, message: TimeReference) -> None:
        if self._record is not None:
            self._record.observed_ns[nanoseconds(message.header.stamp)] = nanoseconds(message.time_ref)

    def _on_command(self, message: TimeReference) -> None:
        if self._record is not None:
            self._record.commanded_ns.setdefault(nanoseconds(message.time_ref), nanoseconds(message.header.stamp))

    def _on_verdict(self, message: DiagnosticStatus) -> None:
        if self._record is not None and self._record.started_ns is not None:
            self._record.verdicts[message.message] += 1
            self._record.reasons.update(filter(None, values_of(message)["reasons"].split(",")))

    def _on_task(self, message: String) -> None:
        self._task = json.loads(message.data)

    def _on_image(self, key: str):
        channel = self._robot.observations[key]

        def store(message: Image) -> None:
            if self._record is None or self._record.started_ns is None:
                return
            try:
                picture = rgb_from_message(message, channel.height, channel.width)
            except ImageRefused:
                return  # policy_node refuses it too, and says so
            stamp = nanoseconds(message.header.stamp)
            if self._pictures_ns != stamp:
                self._pictures, self._pictures_ns = {}, stamp
            self._pictures[key] = picture
            if len(self._pictures) == len(self._robot.image_keys):
                self._record.frames.append({name: self._pictures[name] for name in self._robot.image_keys})
        return store

    def _wait(self, done: Callable[[], bool], what: str, limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while not done():
            self._executor.spin_once(timeout_sec=0.02)
            self._check()
            if time.monotonic() > end_s:
                raise LoopFailed(f"waited {limit_s:g} s for {what}")

    def _call(self, client, request, what: str):
        future = client.call_async(request)
        self._wait(future.done, what, CALL_LIMIT_S)
        return future.result()

    def wait_until_up(self) -> None:
        """Wait for every service of the three nodes; the policy's appear when it is warm."""
        for client in (self._reset_guard, self._reset_sim, self._set_sim, self._reset_policy, self._propose):
            self._wait(client.service_is_ready, client.srv_name, START_LIMIT_S)
        self._wait(lambda: bool(self._task), "the task's state", START_LIMIT_S)

    def run(self, seed: int, max_steps: int, on_step: Callable[[int], None]) -> EpisodeRecord:
        """One episode from the start that `seed` draws.

        Raises:
            LoopFailed: a node refused or did not answer, or the arm never began to move.
        """
        self._begin(seed)
        period_s = 1.0 / self._robot.control_rate_hz
        record = self._record = EpisodeRecord(seed)
        self._call(self._propose, SetBool.Request(data=True), "the policy to start")
        try:
            self._wait(lambda: record.started_ns is not None, "the first command that follows the policy",
                       FIRST_MOTION_LIMIT_S)
            before = sum(stamp < record.started_ns for stamp in record.observed_ns)
            # The wall limit ends the episode of a policy that falls silent.
            end_s, shown = time.monotonic() + max_steps * period_s, -1
            while (step := len(record.observed_ns) - before) < max_steps and not self._task.get("success"):
                self._executor.spin_once(timeout_sec=0.02)
                self._check()
                if step > shown:
                    shown = step
                    on_step(step)
                if time.monotonic() > end_s:
                    break
            record.ended_ns = self._node.get_clock().now().nanoseconds
            record.stacked, record.objects = bool(self._task.get("success")), tuple(self._task.get("objects", ()))
        finally:
            self._record = None
        self._call(self._propose, SetBool.Request(data=False), "the policy to pause")
        return record

    def _begin(self, seed: int) -> None:
        """Pause, new start, fresh policy, armed guard: in this order nothing of the episode before is followed."""
        self._call(self._propose, SetBool.Request(data=False), "the policy to pause")
        request = SetParameters.Request(parameters=[Parameter("seed", value=seed).to_parameter_msg()])
        for result in self._call(self._set_sim, request, "the seed to be taken").results:
            if not result.successful:
                raise LoopFailed(f"sim_node refused the seed: {result.reason}")
        before = self._task["episode"]
        answer = self._call(self._reset_sim, Trigger.Request(), "the simulator to start an episode")
        if not answer.success:
            raise LoopFailed(f"sim_node could not start an episode: {answer.message}")
        self._wait(lambda: self._task["episode"] > before, "the new episode's state", CALL_LIMIT_S)
        self._call(self._reset_policy, Trigger.Request(), "the policy to start afresh")
        self._arm()

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
