"""What a recorder knows of its sensors: the doctor's judgement, over the messages that are recorded anyway."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message

from gato_ros.core.check_result import Finding, yellow
from gato_ros.core.timing.arrivals import Arrivals
from gato_ros.core.timing.freshness import Instant
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.preflight.judge import for_recording
from gato_ros.embodiments.preflight.robot_snapshot import RobotSnapshot
from gato_ros.embodiments.preflight.stamps import silence_s
from gato_ros.embodiments.preflight.wire import sensors
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.preflight.gate import Preflight
from gato_ros.nodes.recorder.sensor_streams import SENSORS

WINDOW_S = 1.0
"""So much of the past is judged [s]: a fault has to show within that."""
LOOK_S = {"image": 0.25, "joints": 0.1, "gripper": 0.1, "channel": 0.1}
"""Role -> between two looks at the values of a sensor [s]: of every message only the header is read, which is quick."""
JUDGE_S = 0.4
"""Between two judgements [s]."""
LATEST_S = 0.8
"""As JUDGE_S, of a process that is behind: one that gets too little of its machine."""
BEHIND_S = 0.05
"""A message that waited longer for its turn [s] comes to such a process."""
MOST_WAITING = 200
"""Messages that wait to be judged: about half a second of a robot's."""
GRAPH_S = 0.75
"""Between two questions to the ROS graph [s]."""
STANDS_S = 1.0
"""Messages go on coming for so long [s], and simulated time does not: nothing can be recorded."""


class SensorWatch:
    """Takes every message that comes; one thread."""

    def __init__(self, node: Node, robot: Embodiment):
        self._node, self._robot = node, robot
        self._preflight = Preflight(node, robot, "recorder", window_s=WINDOW_S, subscribe=False, graph_s=GRAPH_S)
        _warm_up()
        relative = [sensor.topic for sensor in sensors(robot)]
        self._relative = {node.resolve_topic_name(name): name for name in relative}
        self._stamped = {sensor.topic for sensor in sensors(robot) if sensor.stamped}
        pressing = {one.topic for one in sensors(robot) if np.isfinite(one.max_age_s)}
        self._pressing = {full: name for full, name in self._relative.items() if name in pressing}
        """Of which a new message has to come: others may speak once and for all."""
        self._looked_s: dict[str, float] = {}
        self._come: set[str] = set()
        """Topics that something has come on since `look_anew`."""
        self._silence_s = {node.resolve_topic_name(one.topic): silence_s(one.max_age_s) for one in sensors(robot)}
        self._newest_s: dict[str, float] = {}
        """Topic -> receipt of the newest message of a sensor."""
        self._fallen_silent: set[str] = set()
        """Those of which that was judged."""
        self._waiting: list[tuple[Topic, Kept, int]] = []
        self._behind = False
        self._shared = set(relative)
        """Topics with several publishers; before the first judgement, all may be."""
        self._own_names = [*robot.arm.joints, robot.gripper.joint]
        self._judged_s, self._findings = -np.inf, []
        self._clock_ns, self._clock_moved_s = 0, time.monotonic()
        self._simulated = node.get_parameter("use_sim_time").value

    def offer(self, received: Sequence[tuple[Topic, Kept, int]]) -> None:
        """Messages as for `take`; in a process that is behind they wait, for what is recorded may not."""
        self._waiting += received
        self._come.update(topic.name for topic, _, _ in received)
        self._newest_s |= {topic.name: kept.received_s for topic, kept, _ in received if topic.name in self._silence_s}
        self._behind = time.monotonic() - received[0][1].received_s > BEHIND_S
        if not self._behind or len(self._waiting) >= MOST_WAITING:
            self._take_waiting()

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            self.take(*one)

    def take(self, topic: Topic, kept: Kept, clock_ns: int) -> None:
        """A message of a sensor, and its receipt on the clock that stamps messages."""
        if topic.role not in SENSORS or (name := self._relative.get(topic.name)) is None:
            return
        if topic.role == "gripper" and name == self._robot.wire.joint_states.topic:
            return  # it has come as the arm's already
        now = Instant(kept.received_s, clock_ns * 1e-9)
        # Whose state it is, of several on one topic, only its names say.
        if now.steady_s - self._looked_s.get(name, 0.0) < LOOK_S[topic.role] and name not in self._shared:
            header = {"header": header_of(kept.data)} if name in self._stamped else {}
            message = SimpleNamespace(**header, name=self._own_names)
            return self._preflight.receive_header(name, message, now)
        self._looked_s[name] = now.steady_s
        message = deserialize_message(kept.data, message_class(topic.message_type))
        self._preflight.receive_header(name, message, now)
        self._preflight.receive_values(name, message, now)

    def look_anew(self) -> None:
        """Look at the next message of each sensor; `looked_anew` when that is done, `come_anew` when all are there."""
        self._looked_s.clear()
        self._come.clear()

    @property
    def looked_anew(self) -> bool:
        """Whether a message of every sensor was looked at since `look_anew`."""
        return self._looked_s.keys() >= set(self._pressing.values())

    @property
    def come_anew(self) -> bool:
        """Whether a message of every sensor has come since `look_anew`; while simulated time stands, none has to."""
        return self._simulated or self._come >= self._pressing.keys()

    def findings(self, anew: bool = False) -> list[Finding]:
        """What is not as the contract has it now, as of a moment ago; what is `unusable` comes first."""
        now_s = time.monotonic()
        silent = {name for name, newest_s in self._newest_s.items() if now_s - newest_s > self._silence_s[name]}
        # Silence takes longest to show: nothing is added to that.
        anew, self._fallen_silent = anew or bool(silent - self._fallen_silent), silent
        if anew or now_s - self._judged_s >= (LATEST_S if self._behind else JUDGE_S):
            self._judged_s = now_s
            self._take_waiting()  # or a sensor would be called silent whose messages are here
            seen = self._preflight.snapshot()
            self._shared = {name for name, topic in seen.topics.items() if len(topic.publishers) > 1}
            self._findings = for_recording(self._robot, self._own(seen)) + self._standing_time(seen, now_s)
        return self._findings

    def _own(self, seen: RobotSnapshot) -> RobotSnapshot:
        """Of all subscriptions the recorder's own: whether others receive a sensor is not its business."""
        own = self._node.get_fully_qualified_name()
        return replace(
            seen,
            topics={
                name: replace(topic, subscribers=tuple(one for one in topic.subscribers if one.node == own))
                for name, topic in seen.topics.items()
            },
        )

    def _standing_time(self, seen: RobotSnapshot, now_s: float) -> list[Finding]:
        """Under simulated time, which may stand while a simulator waits: that nothing is recorded meanwhile."""
        if not self._simulated:
            return []
        clock_ns = self._node.get_clock().now().nanoseconds
        if clock_ns != self._clock_ns:
            self._clock_ns, self._clock_moved_s = clock_ns, now_s
        stands_s = now_s - self._clock_moved_s
        if not seen.clocks or stands_s < STANDS_S:
            return []
        fix = "let the simulator go on; a recording has no step meanwhile"
        return [yellow("time", f"/clock has stood at {clock_ns * 1e-9:.3f} s for {stands_s:.1f} s", fix)]


def _warm_up() -> None:
    """Numpy imports a module for its first median, which takes as long as some control steps: not in an episode."""
    arrivals = Arrivals(WINDOW_S)
    arrivals.add(0.0, 0.0, 0.0)
    arrivals.timing(0.0)


def header_of(data: bytes) -> SimpleNamespace:
    """Stamp and frame of a message that begins with a std_msgs/Header, without reading the rest of it.

    CDR: four bytes that tell the byte order, seconds, nanoseconds, and the frame's length with its closing zero.
    """
    order = "<" if data[1] & 1 else ">"
    sec, nanosec, length = struct.unpack_from(f"{order}iII", data, 4)
    frame_id = bytes(data[16 : 15 + length]).decode(errors="replace")
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=frame_id)


def in_words(findings: list[Finding]) -> str:
    """Each with what was found, in one line."""
    return "; ".join(f"{finding.what}: {finding.found}" for finding in findings)
