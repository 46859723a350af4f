"""recorder_node: episodes on disk, each whole or recoverable to its last control step.

A process of its own that nobody waits for: killed, stopped or slow, it costs the loop nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import Float32MultiArray, String
from std_srvs.srv import Trigger

from gato_ros.core.check_result import Finding
from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.episodes.recovery import recover_all
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.decoders.transform import TF_STATIC
from gato_ros.nodes.messages.diagnosis import OK, WARN, Diagnosis, status
from gato_ros.nodes.recorder.episode import Outcome, free_bytes, warm_up
from gato_ros.nodes.recorder.finding_log import FindingLog
from gato_ros.nodes.recorder.raw_topics import RawTopics, recorded
from gato_ros.nodes.recorder.sensor_streams import SENSORS
from gato_ros.nodes.recorder.sensors import SensorWatch, in_words
from gato_ros.nodes.recorder.thread import Begin, End, RecorderThread, ThreadSettings
from gato_ros.nodes.runtime.parameters import RecorderParameters
from gato_ros.nodes.runtime.process import Stop, run_node
from gato_ros.nodes.runtime.qos import RECORD_SENSOR, REPORT

NAME = "recorder_node"
POLL_S = 0.01
"""Pause between two looks at all topics [s]: so much older than its receipt is a step when it reaches the file."""
SENSORS_LIMIT_S = 0.8
"""So long ~/start waits for sensors that this process, perhaps just started, has not found yet [s]."""
LOOK_LIMIT_S = 0.3
"""Of that, so long at most for a new message of each."""
FINISH_LIMIT_S = 0.5
"""So long a stop waits for the file's end [s], to answer with what became of it."""
CLOSE_LIMIT_S = 4.0
"""How long the running episode may take after the signal to end [s]; the launcher waits five seconds."""
LONGEST_WAIT_S = 1.0
STATUS_S = 0.2
EXPECTED_ENDS = ("", "stop_success", "stop_fail", "discard", "redo", "failed")
"""Ends that need no warning: an operator requested them, or another line of the log names them."""
IDLE, RECORDING = "idle", "recording"
MOST_SAID_ONCE = 20
"""Messages of a topic that speaks once and for all that are kept: /tf_static has several publishers."""


class NothingKept(Exception):
    """An episode without a step; the text says which, and why."""


class RecorderNode:
    """Keeps messages as bytes; a thread of its own reads and writes them."""

    def __init__(self, node: Node, parameters: RecorderParameters):
        self._node, self._parameters = node, parameters
        self._robot = robot = load_embodiment(parameters.embodiment)
        if robot.wire.arm_command_kind == "twist":
            raise SetupError(
                expected="a robot that takes joint velocities",
                got="arm_command_kind twist",
                fix="record its topics with ros2 bag: which joints carry a twist out is not known here",
            )
        self._folder = Path(parameters.folder).expanduser().resolve()
        self._more()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                expected=f"a folder for recordings at {self._folder}", got=str(error), fix="set the parameter `folder`"
            ) from None
        self._recovered = recover_all(self._folder)
        for line in self._recovered:
            node.get_logger().warning(line)
        self._simulated_time = node.get_parameter("use_sim_time").value
        self._received: list[tuple[Topic, Kept, int]] = []
        self._said_once: dict[str, list[tuple[Topic, Kept, int]]] = {}
        """Topic that may speak once and for all -> its last messages: an episode that begins later needs them, too."""
        self._sensors = SensorWatch(node, robot)
        self._findings = FindingLog(node.get_logger())
        self._known: set[str] = set()
        """Topics that something has come on."""
        more = [
            ("clock", "", "/clock", ClockMessage, RECORD_SENSOR),
            ("task", "", "sim_node/task", String, REPORT),
            ("policy_introspection", "", "policy_node/introspection", Float32MultiArray, REPORT),
        ]
        self._inputs = RawTopics(node, [*recorded(robot), *more], self._receive)
        outlast = {robot.listened[key].topic for key in robot.listened if robot.listened[key].max_age_s is None}
        once = [node.resolve_topic_name(name) for name in (*filter(None, outlast), TF_STATIC)]
        self._said_once = {name: [] for name in once if name in self._inputs.topics}
        for topic in self._inputs.topics.values():
            messages.definition(topic.message_type)
        warm_up(robot)
        self._thread = RecorderThread(
            ThreadSettings(self._folder, parameters.queue_megabytes << 20, parameters.finish_below_megabytes << 20),
            robot,
        )
        self._name, self._logged_end = "", ""
        self._status = node.create_publisher(DiagnosticStatus, "~/status", REPORT)
        self._diagnosis = Diagnosis(node)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(STATUS_S, self._tell, clock=steady)
        node.create_timer(1.0, lambda: self._diagnosis.publish(self._message()), clock=steady)
        # Last, so that whoever waits for the services finds a folder without leftovers.
        for verb, answer in (
            ("start", self._start),
            ("stop_success", lambda: self._stop(Outcome("stop_success", success=True))),
            ("stop_fail", lambda: self._stop(Outcome("stop_fail", success=False))),
            ("discard", lambda: self._stop(Outcome("discard", thrown_away=True))),
            ("redo", self._redo),
            ("mark", self._mark),
        ):
            node.create_service(Trigger, f"~/{verb}", self._service(answer))

    def _service(self, answer):
        def respond(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            # What came before the call belongs before it in the file, too.
            self._listen()
            try:
                response.success, response.message = True, answer()
            except (SetupError, NothingKept) as refusal:
                response.success, response.message = False, str(refusal)
            self._tell()
            return response

        return respond

    def _receive(self, topic: Topic, kept: Kept) -> None:
        self._known.add(topic.name)
        clock_ns = self._node.get_clock().now().nanoseconds if self._simulated_time else kept.stamp_ns
        # By how much it waited for its turn here; a wall clock that is set meanwhile is not to be believed.
        waited_s = min(max((time.time_ns() - kept.stamp_ns) * 1e-9, 0.0), LONGEST_WAIT_S)
        kept = kept._replace(received_s=kept.received_s - waited_s)
        self._received.append((topic, kept, clock_ns))
        if topic.name in self._said_once:
            self._said_once[topic.name] = [*self._said_once[topic.name], (topic, kept, clock_ns)][-MOST_SAID_ONCE:]

    def _listen(self) -> None:
        self._inputs.listen()
        if received := self._received:
            self._received = []
            # Not in the order of the topics: as they arrived.
            received.sort(key=lambda one: one[1].stamp_ns)
            self._thread.offer(received, dict(self._inputs.lost))
            self._sensors.offer(received)

    def _parameter(self, name: str) -> str:
        return self._node.get_parameter(name).value

    def _more(self) -> dict:
        text = self._parameter("about")
        try:
            found = json.loads(text or "{}")
            if isinstance(found, dict):
                return found
        except ValueError:
            pass
        raise SetupError(
            expected="recorder_node parameter about: a JSON object",
            got=repr(text),
            fix="""e.g. '{"object_set": "cubes"}'""",
        )

    def _missing_sensors(self) -> list[str]:
        return [
            name for name, topic in self._inputs.topics.items() if topic.role in SENSORS and name not in self._known
        ]

    def _start(self) -> str:
        if self._thread.recording:
            raise SetupError(expected="no running episode", got=self._name, fix="stop, discard or redo it first")
        free = free_bytes(self._folder) >> 20
        if free < (needed := self._parameters.start_above_megabytes):
            raise SetupError(
                expected=f"{needed} MiB free on the disk of {self._folder}",
                got=f"{free} MiB",
                fix="make room, or record to another disk",
            )
        self._sensors.look_anew()
        self._listen_until(lambda: self._sensors.looked_anew, LOOK_LIMIT_S)
        self._sensors.findings(anew=True)
        ready = lambda: self._sensors.come_anew and not self._missing_sensors() and not self._unusable()
        self._listen_until(ready, SENSORS_LIMIT_S - LOOK_LIMIT_S)
        if not self._sensors.come_anew:
            self._sensors.findings(anew=True)  # one that has just fallen silent is so for long enough by now
        silent_topics, unusable = self._missing_sensors(), self._unusable()
        if silent_topics or unusable:
            # An episode that begins without a sensor loses its first steps, or all of them.
            silent = [f"nothing on {', '.join(silent_topics)}"] * bool(silent_topics)
            refusal = SetupError(
                expected="every sensor received, and in messages that fit the contract, before an episode begins",
                got="; ".join([*silent, *([in_words(unusable)] * bool(unusable))]),
                fix="; ".join(dict.fromkeys(finding.fix for finding in unusable)) or "start the robot",
            )
            self._node.get_logger().warning(f"no episode begun: {refusal}")
            raise refusal
        task = self._parameter("task")
        now_ns = time.time_ns()
        self._name = (
            f"{self._parameters.prefix}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now_ns // 10**9))}_"
            f"{now_ns // 10**6 % 1000:03d}Z"
        )
        metadata = {
            "task": task,
            "task_text": task,
            "operator": self._parameter("operator"),
            "driver": "human",
            "recorded_at_ns": now_ns,
            "simulated_time": self._simulated_time,
            "guard_digest": self._robot.guard_digest,
            "contract": self._robot.model_dump(mode="json", by_alias=True),
            **self._more(),
        }
        not_before_s = self._node.get_clock().now().nanoseconds * 1e-9
        self._thread.order(Begin(self._name, metadata, not_before_s, dict(self._inputs.lost)))
        if said := [one for several in self._said_once.values() for one in several]:
            self._thread.offer(said, dict(self._inputs.lost))
        self._findings.begin()
        self._log_findings()
        return "; ".join([self._name, *filter(None, [in_words(self._sensors.findings())])])

    def _unusable(self) -> list[Finding]:
        return [finding for finding in self._sensors.findings() if finding.unusable]

    def _listen_until(self, done: Callable[[], bool], limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while not done() and time.monotonic() < end_s:
            self._listen()
            time.sleep(POLL_S)

    def _log_findings(self) -> None:
        self._findings.add(self._sensors.findings(), self._thread.progress.refused)

    def _stop(self, outcome: Outcome) -> str:
        if not self._thread.recording:
            raise SetupError(
                expected="a running episode",
                got=f"none; {self._thread.progress.last or 'none so far'}",
                fix="call ~/start first",
            )
        self._log_findings()
        before = self._thread.progress
        self._thread.order(End(outcome, dict(self._inputs.lost)))
        self._listen_until(lambda: self._thread.progress.over > before.over, FINISH_LIMIT_S)
        now = self._thread.progress
        bad = self._findings.not_recorded(now.refused)
        if now.failed > before.failed:
            self._node.get_logger().warning(now.last)
            if not outcome.thrown_away:
                raise NothingKept(now.last)
        return f"{self._name}; not recorded: {bad}" if bad else self._name

    def _redo(self) -> str:
        self._stop(Outcome("redo", thrown_away=True))
        return self._start()

    def _mark(self) -> str:
        if not self._thread.recording:
            raise SetupError(expected="a running episode", got="none", fix="call ~/start first")
        self._thread.order("mark")
        return self._name

    def _message(self) -> DiagnosticStatus:
        now, findings = self._thread.progress, self._sensors.findings()
        bad = now.dropped or now.failed or now.last_flags or self._inputs.lost or now.refused or findings
        return status(
            self._node,
            self._robot.name,
            WARN if bad else OK,
            RECORDING if now.episode else IDLE,
            {
                "episode": now.episode,
                "steps": now.steps,
                "dropped": now.dropped,
                "lost": self._inputs.lost.total(),
                "free_mib": now.free_bytes >> 20 if now.free_bytes >= 0 else "",
                "kept": now.kept,
                "thrown_away": now.thrown_away,
                "failed": now.failed,
                "last": now.last,
                "last_path": now.last_path,
                "unheard": ",".join(self._missing_sensors()),
                "unusable": in_words([finding for finding in findings if finding.unusable]),
                "warnings": in_words([finding for finding in findings if not finding.unusable]),
                "refused": "; ".join(f"{topic}: {why} ({count})" for topic, (count, why) in now.refused.items()),
                "last_end": now.last_end,
                "last_flags": now.last_flags,
                "recovered": "; ".join(self._recovered),
            },
        )

    def _tell(self) -> None:
        if self._thread.recording:
            self._log_findings()
        elif (now := self._thread.progress).last_end not in EXPECTED_ENDS and now.last != self._logged_end:
            self._logged_end = now.last
            self._node.get_logger().warning(f"the episode ended by itself: {now.last}")
        self._status.publish(self._message())

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        while not stop:
            self._listen()
            executor.spin_once(timeout_sec=0.0)
            time.sleep(POLL_S)
        self._listen()
        if self._thread.recording:
            self._stop(Outcome("interrupted"))
        self._thread.close(CLOSE_LIMIT_S)


def main() -> int:
    return run_node(NAME, RecorderParameters, RecorderNode)


if __name__ == "__main__":
    sys.exit(main())
