"""incident_node: the last seconds of everything on the wire, on the disk as soon as the guard latches.

A process of its own that nobody waits for: killed, stopped or slow, it costs the loop nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState, TimeReference
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from gato_ros.core.latch_watch import LatchWatch
from gato_ros.data import messages
from gato_ros.data.incident import Topic
from gato_ros.data.incident_store import IncidentStore, StoreSettings
from gato_ros.data.ring import Ring
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.nodes.diagnosis import OK, WARN, Diagnosis, status, values_of
from gato_ros.nodes.parameters import IncidentParameters
from gato_ros.nodes.process import Stop, run_node
from gato_ros.nodes.quality import JOURNAL, RECORD_SENSOR, REPORT

NAME = "incident_node"
POLL_S = 0.02
"""Pause between two looks at all topics [s]; the middleware keeps what comes meanwhile."""
MOST_AT_ONCE = 100
"""Messages of one topic in one look."""
LARGEST_OVERTAKING_NS = 10**9
"""A stamp further back than this means that the wall clock was set."""
WRITER_NICENESS = 10
CLOSE_LIMIT_S = 4.0
"""How long an incident may still take when the node is told to end [s]; its launcher gives it five seconds."""
SILENT = "silent"


def default_folder() -> Path:
    """Where ROS keeps what a user's nodes leave behind."""
    return Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser() / "gato_ros" / "incidents"


def recorded(robot: Embodiment) -> list[tuple]:
    """Role, key, topic, message class and quality of everything that is kept."""
    wire = robot.wire
    images = [("image", key, robot.observations[key].topic, Image, RECORD_SENSOR) for key in robot.image_keys]
    return [*images, *((role, "", topic, kind, quality) for role, topic, kind, quality in (
        ("joints", wire.joint_states.topic, JointState, RECORD_SENSOR),
        ("gripper", wire.gripper_states.topic, JointState, RECORD_SENSOR),
        ("e_stop", "e_stop", Bool, RECORD_SENSOR),
        ("proposal_twist", wire.proposal_twist, TwistStamped, REPORT),
        ("proposal_gripper", wire.proposal_gripper, JointState, REPORT),
        ("human_twist", wire.human_twist, TwistStamped, REPORT),
        ("human_gripper", wire.human_gripper, JointState, REPORT),
        ("arm_command", wire.arm_command, JointState, REPORT),
        ("gripper_command", wire.gripper_command, JointState, REPORT),
        ("policy_journal", "policy_node/journal", String, JOURNAL),
        ("policy_status", "policy_node/status", DiagnosticStatus, REPORT),
        ("policy_timing", "policy_node/timing", TimeReference, REPORT),
        ("guard_journal", "guard_node/journal", String, JOURNAL),
        ("guard_status", "guard_node/status", DiagnosticStatus, REPORT),
        ("guard_timing", "guard_node/timing", TimeReference, REPORT),
        ("diagnostics", "/diagnostics", DiagnosticArray, REPORT)))]


class _Untouched(CallbackGroup):
    """Keeps subscriptions out of the executor, which spends more on a message than all the rest of this node."""

    def can_execute(self, entity) -> bool:
        return False

    def beginning_execution(self, entity) -> bool:
        return False

    def ending_execution(self, entity) -> None:
        pass


class IncidentNode:
    """Keeps messages as bytes, reads none but two kinds of status, and hands a copy to a writing thread."""

    def __init__(self, node: Node, parameters: IncidentParameters):
        self._node, self._parameters = node, parameters
        self._robot = robot = load_embodiment(parameters.embodiment)
        self._ring = Ring(parameters.seconds + parameters.after_s, parameters.most_megabytes << 20)
        self._watch = LatchWatch()
        self._due: tuple[float, str, int] | None = None
        self._received, self._lost = 0, Counter()
        self._last_sequence: dict[str, int] = {}
        self._last_stamp_ns: dict[str, int] = {}
        topics, group = {}, _Untouched()
        self._ears = []
        for role, key, name, kind, quality in recorded(robot):
            full = node.resolve_topic_name(name)
            topics[full] = Topic(full, f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}", role, key)
            # The callback is never called; `_listen` takes the messages itself.
            ear = node.create_subscription(kind, name, lambda data: None, quality, raw=True, callback_group=group)
            self._ears.append((ear, self._keep(full, role)))
        for topic in topics.values():
            messages.definition(topic.message_type)  # the first one takes a while, and a latch should not wait for it
        folder = Path(parameters.folder).expanduser() if parameters.folder else default_folder()
        self._store = IncidentStore(StoreSettings(folder, parameters.incidents_per_hour,
                                                  parameters.least_free_megabytes << 20, WRITER_NICENESS), topics)
        self._diagnosis = Diagnosis(node)
        node.create_timer(1.0, self._diagnose, clock=Clock(clock_type=ClockType.STEADY_TIME))
        node.create_service(Trigger, "~/write", self._on_write)

    def _keep(self, topic: str, role: str):
        read = {"guard_status": self._on_guard, "policy_status": self._on_policy}.get(role)
        # Several nodes speak there, each with a count of its own.
        counted = role != "diagnostics"

        def keep(data: bytes, info: dict) -> None:
            self._received += 1
            if counted:
                self._count_lost(topic, info["publication_sequence_number"])
            # When the middleware had it, not when its turn came here.
            stamp_ns = self._in_line(topic, info["received_timestamp"] or time.time_ns())
            self._ring.add(time.monotonic(), stamp_ns, topic, data)
            if read is not None:
                read(deserialize_message(data, DiagnosticStatus))
        return keep

    def _in_line(self, topic: str, stamp_ns: int) -> int:
        """The stamp, or the one before on this topic where a message that was sent again had overtaken it."""
        last_ns = self._last_stamp_ns.get(topic, 0)
        if 0 < last_ns - stamp_ns < LARGEST_OVERTAKING_NS:
            stamp_ns = last_ns
        self._last_stamp_ns[topic] = stamp_ns
        return stamp_ns

    def _listen(self) -> None:
        """Keep what the middleware has; of a flood, a part of it, in turn with the others."""
        for ear, keep in self._ears:
            with ear.handle:
                for _ in range(MOST_AT_ONCE):
                    if (taken := ear.handle.take_message(ear.msg_type, True)) is None:
                        break
                    keep(*taken)

    def _count_lost(self, topic: str, sequence: int | None) -> None:
        if sequence is None:
            return  # a middleware that does not count
        last, self._last_sequence[topic] = self._last_sequence.get(topic), sequence
        # A count that goes back is another publisher's.
        if last is not None and last < sequence:
            self._lost[topic] += sequence - last - 1

    def _on_policy(self, message: DiagnosticStatus) -> None:
        self._watch.policy_silent = message.level == OK and message.message == SILENT

    def _on_guard(self, message: DiagnosticStatus) -> None:
        reasons = [reason for reason in values_of(message).get("reasons", "").split(",") if reason]
        reason = self._watch.saw(message.message, reasons)
        if reason is not None and self._due is None:  # one that follows at once is part of this one
            self._due = (time.monotonic() + self._parameters.after_s, reason, time.time_ns())

    def _on_write(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refusal = self._offer("requested", time.time_ns(), asked=True)
        response.success = refusal is None
        response.message = f"refused: {refusal}" if refusal else "being written; /diagnostics tells when it is whole"
        return response

    def _offer(self, reason: str, at_ns: int, asked: bool = False) -> str | None:
        kept = self._ring.copy()
        about = {"robot": self._robot.name, "contract_digest": self._robot.digest, "at_ns": at_ns,
                 "span_s": round(self._ring.span_s(), 3), "seconds": self._parameters.seconds,
                 "after_s": self._parameters.after_s, "messages": len(kept),
                 "lost": {topic: count for topic, count in self._lost.items() if count},
                 "crowded_out": dict(self._ring.crowded_out)}
        return self._store.offer(reason, kept, about, time.monotonic(), asked)

    def _offer_if_due(self, now_s: float) -> None:
        if self._due is not None and now_s >= self._due[0]:
            (_, reason, at_ns), self._due = self._due, None
            self._offer(reason, at_ns)

    def _diagnose(self) -> None:
        counts = self._store.counts
        crowded, lost = sum(self._ring.crowded_out.values()), sum(self._lost.values())
        bad = counts.refused or counts.failed or crowded
        self._diagnosis.publish(status(self._node, self._robot.name, WARN if bad else OK, counts.last or "recording", {
            "span_s": f"{self._ring.span_s():.1f}", "held_mib": f"{self._ring.bytes / 2**20:.1f}",
            "messages": len(self._ring), "received": self._received, "lost": lost, "crowded_out": crowded,
            "incidents_written": counts.written, "incidents_refused": counts.refused,
            "incidents_failed": counts.failed, "last_incident": counts.last_path}))

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not stop:
            self._listen()
            executor.spin_once(timeout_sec=0.0)
            self._offer_if_due(time.monotonic())
            time.sleep(POLL_S)
        self._listen()
        self._offer_if_due(float("inf"))
        self._store.close(CLOSE_LIMIT_S)


def main() -> int:
    return run_node(NAME, IncidentParameters, IncidentNode)


if __name__ == "__main__":
    sys.exit(main())
