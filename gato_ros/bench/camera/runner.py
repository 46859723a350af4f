"""Starts a loop before a robot that stands still, and takes down which command answered which picture."""

from __future__ import annotations

import time
from collections.abc import Callable

from sensor_msgs.msg import TimeReference
from std_srvs.srv import SetBool, Trigger

from gato_ros.evaluation.loop.loop_record import EpisodeRecord
from gato_ros.nodes.messages.clocks import nanoseconds
from gato_ros.nodes.runtime.node_client import START_LIMIT_S, LoopClient
from gato_ros.nodes.runtime.qos import REPORT

STEP_LIMIT_S = 1.0
"""Control ticks that take longer than this on average are no loop [s]."""


class CameraRunner(LoopClient):
    """A client of policy_node and guard_node. It receives no pictures: to decode them would cost the loop its time."""

    def __init__(self, namespace: str, check: Callable[[], None]):
        super().__init__("camera_runner", namespace, check, simulated=False)
        self._record: EpisodeRecord | None = None
        node = self._node
        self._reset_policy = node.create_client(Trigger, "policy_node/reset")
        self._propose = node.create_client(SetBool, "policy_node/propose")
        self._needed += [self._reset_policy, self._propose]
        node.create_subscription(TimeReference, "policy_node/timing", self._on_proposal, REPORT)
        node.create_subscription(TimeReference, "guard_node/timing", self._on_command, REPORT)

    def _on_proposal(self, message: TimeReference) -> None:
        if self._record is not None:
            self._record.observed_ns[nanoseconds(message.header.stamp)] = nanoseconds(message.time_ref)

    def _on_command(self, message: TimeReference) -> None:
        if self._record is not None:
            self._record.commanded_ns.setdefault(nanoseconds(message.time_ref), nanoseconds(message.header.stamp))

    def start(self) -> None:
        """A fresh policy, an armed guard, and the first command; LoopFailed where none comes."""
        self._call(self._reset_policy, Trigger.Request(), "the policy to start afresh")
        self._arm()
        record = self._record = EpisodeRecord(0)
        self._call(self._propose, SetBool.Request(data=True), "the policy to start")
        self._wait(lambda: bool(record.commanded_ns), "the first command that follows the policy", START_LIMIT_S)

    def take(self, steps: int) -> EpisodeRecord:
        """What the next `steps` proposals led to; LoopFailed where they do not come."""
        record = self._record = EpisodeRecord(0)
        end_s = time.monotonic() + STEP_LIMIT_S * steps
        self._wait(lambda: len(record.observed_ns) >= steps, f"{steps} proposals", end_s - time.monotonic())
        record.ended_ns = self._node.get_clock().now().nanoseconds
        return record
