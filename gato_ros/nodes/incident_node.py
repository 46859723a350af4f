"""incident_node: the last seconds of everything on the wire, on the disk as soon as the guard latches.

A process of its own that nobody waits for: killed, stopped or slow, it costs the loop nothing.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from std_srvs.srv import Trigger

from gato_ros.core.guard.incident_filter import IncidentFilter
from gato_ros.data import messages
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept, Ring
from gato_ros.data.incidents.store import IncidentStore, StoreSettings, default_folder
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import OK, WARN, Diagnosis, status, values_of
from gato_ros.nodes.recorder.raw_topics import RawTopics, recorded
from gato_ros.nodes.recorder.step_action import proposal_values
from gato_ros.nodes.runtime.parameters import IncidentParameters
from gato_ros.nodes.runtime.process import Stop, run_node

NAME = "incident_node"
POLL_S = 0.02
"""Pause between two looks at all topics [s]; the middleware keeps what comes meanwhile."""
WRITER_NICENESS = 10
CLOSE_LIMIT_S = 4.0
"""How long an incident may take after the signal to end [s]; the launcher waits five seconds."""
SILENT = ("silent", "inactive")


class IncidentNode:
    """Keeps messages as bytes, reads none but two kinds of status, and passes a copy to a writing thread."""

    def __init__(self, node: Node, parameters: IncidentParameters):
        self._node, self._parameters = node, parameters
        self._robot = robot = load_embodiment(parameters.embodiment)
        self._ring = Ring(parameters.seconds + parameters.after_s, parameters.most_megabytes << 20)
        self._watch = IncidentFilter()
        self._due: tuple[float, str, int] | None = None
        self._read = {"guard_status": self._on_guard, "policy_status": self._on_policy}
        self._inputs = RawTopics(node, recorded(robot), self._keep)
        values = proposal_values(robot)
        topics = {
            name: replace(topic, values=values.get(topic.role, ())) for name, topic in self._inputs.topics.items()
        }
        for topic in topics.values():
            messages.definition(topic.message_type)  # the first one takes a while, and a latch should not wait for it
        folder = Path(parameters.folder).expanduser() if parameters.folder else default_folder()
        self._store = IncidentStore(
            StoreSettings(
                folder, parameters.incidents_per_hour, parameters.least_free_megabytes << 20, WRITER_NICENESS
            ),
            topics,
        )
        self._diagnosis = Diagnosis(node)
        node.create_timer(1.0, self._diagnose, clock=Clock(clock_type=ClockType.STEADY_TIME))
        node.create_service(Trigger, "~/write", self._on_write)

    def _keep(self, topic: Topic, kept: Kept) -> None:
        self._ring.add(*kept)
        if topic.role in self._read:
            self._read[topic.role](deserialize_message(kept.data, DiagnosticStatus))

    def _on_policy(self, message: DiagnosticStatus) -> None:
        self._watch.policy_silent = message.level == OK and message.message in SILENT

    def _on_guard(self, message: DiagnosticStatus) -> None:
        reasons = [reason for reason in values_of(message).get("reasons", "").split(",") if reason]
        reason = self._watch.saw(message.message, reasons)
        if reason is not None and self._due is None:  # one that follows at once is part of this one
            self._due = (time.monotonic() + self._parameters.after_s, reason, time.time_ns())

    def _on_write(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refusal = self._offer("requested", time.time_ns(), requested=True)
        response.success = refusal is None
        response.message = f"refused: {refusal}" if refusal else "being written; /diagnostics tells when it is whole"
        return response

    def _offer(self, reason: str, at_ns: int, requested: bool = False) -> str | None:
        kept = self._ring.copy()
        about = {
            "robot": self._robot.name,
            "contract_digest": self._robot.digest,
            "at_ns": at_ns,
            "span_s": round(self._ring.span_s(), 3),
            "seconds": self._parameters.seconds,
            "after_s": self._parameters.after_s,
            "messages": len(kept),
            "lost": {topic: count for topic, count in self._inputs.lost.items() if count},
            "crowded_out": dict(self._ring.crowded_out),
        }
        return self._store.offer(reason, kept, about, time.monotonic(), requested)

    def _offer_if_due(self, now_s: float) -> None:
        if self._due is not None and now_s >= self._due[0]:
            (_, reason, at_ns), self._due = self._due, None
            self._offer(reason, at_ns)

    def _diagnose(self) -> None:
        counts = self._store.counts
        crowded, lost = sum(self._ring.crowded_out.values()), self._inputs.lost.total()
        bad = counts.refused or counts.failed or crowded
        self._diagnosis.publish(
            status(
                self._node,
                self._robot.name,
                WARN if bad else OK,
                counts.last or "recording",
                {
                    "span_s": f"{self._ring.span_s():.1f}",
                    "held_mib": f"{self._ring.bytes / 2**20:.1f}",
                    "messages": len(self._ring),
                    "received": self._inputs.received,
                    "lost": lost,
                    "crowded_out": crowded,
                    "incidents_written": counts.written,
                    "incidents_refused": counts.refused,
                    "incidents_failed": counts.failed,
                    "last_incident": counts.last_path,
                },
            )
        )

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not stop:
            self._inputs.listen()
            executor.spin_once(timeout_sec=0.0)
            self._offer_if_due(time.monotonic())
            time.sleep(POLL_S)
        self._inputs.listen()
        self._offer_if_due(float("inf"))
        self._store.close(CLOSE_LIMIT_S)


def main() -> int:
    return run_node(NAME, IncidentParameters, IncidentNode)


if __name__ == "__main__":
    sys.exit(main())
