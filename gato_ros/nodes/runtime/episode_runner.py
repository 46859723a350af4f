"""Runs episodes on nodes that are already up, and watches what crosses the wire."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from sensor_msgs.msg import TimeReference
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from gato_ros.core.records.exact_json import decode
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.evaluation.loop.loop_record import EpisodeRecord
from gato_ros.nodes.messages.clocks import nanoseconds
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.runtime.node_client import FIRST_MOTION_LIMIT_S, LoopClient
from gato_ros.nodes.runtime.qos import CAMERA, JOURNAL, REPORT


class EpisodeRunner(LoopClient):
    """A client of sim_node, policy_node and guard_node. Use as a context manager, from one thread.

    Args:
        check: called while waiting; raises when a node is gone.
    """

    def __init__(self, robot: Embodiment, namespace: str, check: Callable[[], None]):
        super().__init__("episode_runner", namespace, check)
        self._robot, node = robot, self._node
        self._record: EpisodeRecord | None = None
        self._pictures, self._pictures_ns = {}, 0
        self._reset_policy = node.create_client(Trigger, "policy_node/reset")
        self._propose = node.create_client(SetBool, "policy_node/propose")
        self._needed += [self._reset_policy, self._propose]
        node.create_subscription(TimeReference, "policy_node/timing", self._on_proposal, REPORT)
        node.create_subscription(TimeReference, "guard_node/timing", self._on_command, REPORT)
        # Its commands and verdicts, some steps a message: to receive the commands and the status themselves would cost
        # the guard two more sends a step.
        node.create_subscription(String, "guard_node/journal", self._on_journal, JOURNAL)
        for key in robot.image_keys:
            camera = robot.cameras[key]
            node.create_subscription(message_class(camera.type), camera.topic, self._on_image(key), CAMERA)

    def _on_proposal(self, message: TimeReference) -> None:
        if self._record is not None:
            self._record.observed_ns[nanoseconds(message.header.stamp)] = nanoseconds(message.time_ref)

    def _on_command(self, message: TimeReference) -> None:
        if self._record is not None:
            self._record.commanded_ns.setdefault(nanoseconds(message.time_ref), nanoseconds(message.header.stamp))

    def _on_journal(self, message: String) -> None:
        if self._record is None:
            return
        for entry in map(json.loads, message.data.split("\n")):
            if entry.get("call") == "step":
                _, _, now = decode(entry["arguments"])
                self._record.take_step(round(now.clock_s * 1e9), *decode(entry["result"]))

    def _on_image(self, key: str):
        reader = PictureReader(self._robot.cameras[key])

        def store(message) -> None:
            if self._record is None or self._record.started_ns is None:
                return
            try:
                picture = reader.picture(message)
            except Refused:
                return  # policy_node refuses it too, and says so
            stamp = nanoseconds(message.header.stamp)
            if self._pictures_ns != stamp:
                self._pictures, self._pictures_ns = {}, stamp
            self._pictures[key] = picture
            if len(self._pictures) == len(self._robot.image_keys):
                self._record.frames.append({name: self._pictures[name] for name in self._robot.image_keys})

        return store

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
            self._wait(
                lambda: record.started_ns is not None, "the first command that follows the policy", FIRST_MOTION_LIMIT_S
            )
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
        self._new_start(seed)
        self._call(self._reset_policy, Trigger.Request(), "the policy to start afresh")
        self._arm()
