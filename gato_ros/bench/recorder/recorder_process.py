"""recorder_node as a child process, driven by its services, that may be killed: for measurements."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.node_client import LoopFailed
from gato_ros.nodes.runtime.qos import REPORT

LIMIT_S = 60.0
ANSWER_S = 2.0
ALREADY = " running episode"
"""What a recorder says it expected (none, or one) that is called a second time."""


class RecorderProcess:
    """A context manager; ends the process with SIGINT. Needs rclpy to be initialised."""

    def __init__(self, folder: Path, namespace: str, parameters: Mapping[str, object] | None = None):
        settings = {
            "folder": str(folder),
            "start_above_megabytes": 0,
            "finish_below_megabytes": 0,
            **(parameters or {}),
        }
        given = [part for name, value in settings.items() for part in ("-p", f"{name}:={json.dumps(value)}")]
        self._command = [
            sys.executable,
            "-m",
            "gato_ros.nodes.recorder_node",
            "--ros-args",
            "-r",
            f"__ns:=/{namespace}",
            *given,
        ]
        self._node = rclpy.create_node("recorder_process", namespace=namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._clients: dict[str, object] = {}
        self._status: dict[str, str] = {}
        self._reports = self._subscribe()
        self.process: subprocess.Popen | None = None

    def _subscribe(self):
        return self._node.create_subscription(DiagnosticStatus, "recorder_node/status", self._on_status, REPORT)

    def _on_status(self, message: DiagnosticStatus) -> None:
        self._status = values_of(message)

    def __enter__(self) -> RecorderProcess:
        return self

    def __exit__(self, *exception) -> None:
        self.end(signal.SIGINT)
        self._executor.shutdown()
        self._node.destroy_node()

    def start(self) -> None:
        """Start a process and wait for its services."""
        # A new subscription has no statuses in its queue of the process that was killed: they say that it was ready.
        self._node.destroy_subscription(self._reports)
        self._status, self._reports = {}, self._subscribe()
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        # Its word, too: one that was killed passes for ready until its lease ends.
        self._wait(
            lambda: (
                self._client("start").service_is_ready()
                and self._status.get("unheard") == self._status.get("unusable") == ""
            ),
            "recorder_node and its sensors",
        )

    def end(self, number: int) -> None:
        """Send the process a signal and wait for its end."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(number)
            self.process.wait(timeout=LIMIT_S)
            self.process = None

    def call(self, verb: str) -> None:
        """Call a service; LoopFailed if it refuses."""
        client, end_s, tries = self._client(verb), time.monotonic() + LIMIT_S, 0
        self._wait(client.service_is_ready, verb)
        while True:
            # A call may go to the one that was killed, or the answer come before our inputs are known: made again.
            future, tries = client.call_async(Trigger.Request()), tries + 1
            called_s = time.monotonic()
            self._wait(lambda: future.done() or time.monotonic() - called_s > ANSWER_S, verb)  # noqa: B023
            if future.done():
                break
            if time.monotonic() > end_s:
                raise LoopFailed(f"waited {LIMIT_S:g} s for the answer to {verb}")
        # The second of two that both arrived is refused, and what it requested is done.
        if not future.result().success and (tries == 1 or ALREADY not in future.result().message):
            raise LoopFailed(f"recorder_node refused to {verb}: {future.result().message}")

    def finished(self, count: int) -> Path:
        """Wait until so many episodes are kept; the last one's path."""
        self._wait(lambda: int(self._status.get("kept", 0)) >= count, f"{count} finished episodes")
        return Path(self._status["last_path"])

    def _client(self, verb: str):
        if verb not in self._clients:
            self._clients[verb] = self._node.create_client(Trigger, f"recorder_node/{verb}")
        return self._clients[verb]

    def _wait(self, done, what: str) -> None:
        end_s = time.monotonic() + LIMIT_S
        while not done():
            self._executor.spin_once(timeout_sec=0.01)
            if self.process is not None and self.process.poll() is not None:
                raise LoopFailed(f"recorder_node ended with exit code {self.process.returncode}")
            if time.monotonic() > end_s:
                raise LoopFailed(f"waited {LIMIT_S:g} s for {what}")
