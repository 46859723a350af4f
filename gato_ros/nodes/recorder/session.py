"""A session of recording on nodes that are up: recorder, guard, an operator, and perhaps the simulator."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import SetBool, Trigger

from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.node_client import CALL_LIMIT_S, LoopClient, LoopFailed
from gato_ros.nodes.runtime.qos import REPORT

FINISH_LIMIT_S = 60.0
"""A recorder on a slow disk may take this long to finish a file."""
SENSORS_LIMIT_S = 15.0
"""A new start of the simulator may keep its cameras away for a while [s]."""
AFTER_SUCCESS_S = 0.25
"""Recording goes on for so long after the task is done."""


@dataclass(frozen=True)
class Take:
    """One episode that is over."""

    name: str
    path: Path | None
    """None: nothing of it could be kept."""
    end: str
    """As the recorder says: stop_success, stop_fail, discard, redo, disk_low ..."""
    flags: str
    steps: int


class RecordSession(LoopClient):
    """Starts and stops the recorder for an expert, or watches what a person does with it."""

    def __init__(self, namespace: str, check: Callable[[], None], simulated: bool, about: dict, expert: bool):
        """`about` goes into every episode."""
        super().__init__("record_session", namespace, check, simulated)
        self._about, self._status, self._finished = about, {}, 0
        node = self._node
        self._verbs = {
            verb: node.create_client(Trigger, f"recorder_node/{verb}")
            for verb in ("start", "stop_success", "stop_fail")
        }
        self._set_recorder = node.create_client(SetParameters, "recorder_node/set_parameters")
        self._hands_on = node.create_client(SetBool, "teleop_node/hands_on")
        self._needed += [*self._verbs.values(), self._set_recorder, *([self._hands_on] if expert else [])]
        node.create_subscription(DiagnosticStatus, "recorder_node/status", self._on_status, REPORT)

    def _on_status(self, message: DiagnosticStatus) -> None:
        self._status = values_of(message)

    def _over(self) -> int:
        """Episodes that are over, whatever became of them."""
        return sum(int(self._status.get(name, 0)) for name in ("kept", "thrown_away", "failed"))

    def wait_until_up(self) -> None:
        super().wait_until_up()
        self._wait(lambda: bool(self._status), "the recorder's state", CALL_LIMIT_S)
        self._finished = self._over()

    @property
    def recovered(self) -> str:
        """What the recorder made of what a killed one had left behind; empty: nothing."""
        return self._status.get("recovered", "")

    def expert_episode(self, seed: int, limit_s: float, on_step: Callable[[int], None]) -> Take:
        """One episode with the scripted expert in the operator's seat, to the task's success or the limit.

        Raises:
            LoopFailed: a node refused or did not answer.
        """
        self._press_dead_man(False)
        self.prepare(seed)
        self._wait_for_sensors()
        self._verb("start")
        self._press_dead_man(True)
        end_s, done = time.monotonic() + limit_s, False
        while not done and time.monotonic() < end_s and self._over() == self._finished:
            self._executor.spin_once(timeout_sec=0.02)
            self._check()
            on_step(int(self._status.get("steps", 0)))
            done = bool(self._task.get("success"))
        if done:
            self._wait_a_little(AFTER_SUCCESS_S)
        if self._over() == self._finished:
            self._verb("stop_success" if done else "stop_fail")
        self._press_dead_man(False)
        return self.next_take(FINISH_LIMIT_S)

    def _wait_for_sensors(self) -> None:
        """Until the recorder can use what comes, which takes a moment after a new start; its refusal says why not."""
        end_s = time.monotonic() + SENSORS_LIMIT_S
        while any(self._status.get(name) for name in ("unheard", "unusable")) and time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.02)
            self._check()

    def prepare(self, seed: int) -> None:
        """A new start of the simulator, an armed guard, and the seed for the next recording."""
        if self._simulated:
            self._new_start(seed)
            self._arm()
        about = {**self._about, **({"seed": seed} if self._simulated else {})}
        self._set(self._set_recorder, "what is known of the episode", about=json.dumps(about))

    def next_take(self, limit_s: float, on_step: Callable[[int], None] = lambda step: None) -> Take:
        """Wait until another episode is over, whoever ended it."""

        def over() -> bool:
            on_step(int(self._status.get("steps", 0)))
            return self._over() > self._finished

        self._wait(over, "the end of an episode", limit_s)
        self._finished += 1
        status = self._status
        path = Path(status["last_path"]) if status["last_path"] else None
        return Take(status["last"].split(":")[0], path, status["last_end"], status["last_flags"], int(status["steps"]))

    def _verb(self, verb: str) -> None:
        # A stop that is repeated is refused, and harmless; a start that is repeated is refused while it records.
        recording = (lambda: bool(self._status.get("episode"))) if verb == "start" else None
        answer = self._call(self._verbs[verb], Trigger.Request(), f"the recorder to {verb}", recording)
        if answer is not None and not answer.success and self._over() == self._finished:
            raise LoopFailed(f"recorder_node refused to {verb}: {answer.message}")

    def _press_dead_man(self, on: bool) -> None:
        self._call(self._hands_on, SetBool.Request(data=on), "the expert's dead man's switch")
