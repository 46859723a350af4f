"""A modelled Sawyer with the real agent before it, each in a process of its own: what tests of the driver share."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from gato_ros.drivers.sawyer_agent.keys import make_keys

ROOT = Path(__file__).resolve().parents[2]
FAKES = ROOT / "tests/drivers/fake_intera"
STROKE_M = 0.041667
AGENT_PYTHON = os.environ.get("AGENT_PYTHON", sys.executable)
"""Another interpreter for the agent: the robot's side may have an older one."""


class Cell:
    """The robot's model, its truth, what a test does to it, and the agent. A context manager."""

    def __init__(self):
        self._folder = TemporaryDirectory(prefix="gato_ros_keys_")
        self.keys = Path(self._folder.name) / "keys"
        make_keys(self.keys)
        # Without site-packages (-S): the agent has to live on the standard library and the SDK.
        self._robot = subprocess.Popen(
            [sys.executable, "-S", str(ROOT / "tests/drivers/fake_sawyer.py")], stdout=subprocess.PIPE, text=True
        )
        self._port = int(self._robot.stdout.readline())
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._wire.connect(("127.0.0.1", self._port))
        self._say({"topic": "hello"})
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.agent = None
        self.start_agent()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in (self.agent, self._robot):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
            process.kill()
            process.wait()
        self._robot.stdout.close()
        self._wire.close()
        self._folder.cleanup()

    def start_agent(self, *arguments: str) -> None:
        """As a user would: the folder copied somewhere, the SDK on the path."""
        environment = {
            **os.environ,
            "PYTHONPATH": f"{FAKES}:{ROOT / 'gato_ros/drivers'}",
            "FAKE_SAWYER_PORT": str(self._port),
        }
        # The model is a process beside others here, and may have to wait for the processor.
        command = [AGENT_PYTHON, "-S", "-m", "sawyer_agent", "--port", str(self.port), "--joint-silence", "0.5"]
        command += ["--keys", str(self.keys / "agent")]
        self.agent = subprocess.Popen([*command, *arguments], cwd="/", env=environment)

    def pids(self) -> dict[str, int]:
        """Its processes by name."""
        return {"agent": self.agent.pid, "modelled arm": self._robot.pid}

    def _say(self, message: dict) -> None:
        self._wire.send(json.dumps(message).encode())

    def touch(self, what: str, value) -> None:
        """Press, release or break something on the robot."""
        self._say({"topic": "control", "what": what, "value": value})

    def truth(self) -> dict:
        """What is true of the robot now: the newest word after this call."""
        called_s, end_s = time.monotonic(), time.monotonic() + 60.0
        while time.monotonic() < end_s:
            if not select.select([self._wire], [], [], 1.0)[0]:
                continue
            message = json.loads(self._wire.recv(65536))
            if message["topic"] == "truth" and message["now_s"] >= called_s:
                return message
        raise AssertionError("the robot's model says nothing")

    def wait(self, done, what: str, limit_s: float = 60.0) -> dict:
        """The first truth for which `done` holds."""
        end_s = time.monotonic() + limit_s
        while not done(truth := self.truth()):
            assert time.monotonic() < end_s, f"waited {limit_s} s for {what}: {truth}"
        return truth
