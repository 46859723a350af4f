"""A modelled Sawyer with the real agent before it, each in a process of its own: what tests of the driver share."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from gato_ros.drivers.sawyer_agent.keys import make_keys
from tests.drivers.ros1.master import PYTHON, Master

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/drivers"
STROKE_M = 0.041667
ROS1 = os.environ.get("SAWYER_ROS1") == "1"
"""Robot and agent talk over a real ROS 1 (make sawyer-ros1), not over datagrams."""
AGENT_PYTHON = os.environ.get("AGENT_PYTHON", sys.executable)
"""Another interpreter for the agent: the robot's side may have an older one."""


class Cell:
    """The robot's model, its truth, what a test does to it, and the agent. A context manager."""

    def __init__(self):
        self._folder = TemporaryDirectory(prefix="gato_ros_keys_")
        self.keys = Path(self._folder.name) / "keys"
        make_keys(self.keys)
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self._folder)
        self._master = self._stack.enter_context(Master(Path(self._folder.name))) if ROS1 else None
        robot = ["ros1/robot.py" if ROS1 else "fake_sawyer.py"]
        self._robot = self._start(sys.executable, HERE, robot, cwd=HERE, stdout=subprocess.PIPE, text=True)
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
        self._stack.close()

    def start_agent(self, *arguments: str) -> None:
        """As a user would: the folder copied somewhere, the SDK on the path."""
        copied = Path(self._folder.name) / "copied"
        shutil.copytree(ROOT / "gato_ros/drivers/sawyer_agent", copied / "sawyer_agent", dirs_exist_ok=True)
        # The model is a process beside others here, and may have to wait for the processor.
        command = ["-m", "sawyer_agent", "--port", str(self.port), "--joint-silence", "0.5"]
        command += ["--keys", str(self.keys / "agent"), *arguments]
        self.agent = self._start(AGENT_PYTHON, copied, command, cwd="/", FAKE_SAWYER_PORT=str(self._port))

    def _start(self, python: str, folder: Path, arguments: list[str], cwd, stdout=None, text=False, **variables: str):
        """A process with `folder` and a ROS 1 on its path: the system's, or what stands for one."""
        if self._master is None:
            # Without site-packages (-S): the agent has to live on the standard library and the SDK.
            command, path = [python, "-S"], [HERE / "fake_ros", HERE / "fake_intera"]
        else:
            command, path = [PYTHON], self._master.path
        environment = {
            **(os.environ if self._master is None else self._master.environment),
            "PYTHONPATH": ":".join(map(str, [*path, folder])),
            **variables,
        }
        return subprocess.Popen([*command, *arguments], env=environment, cwd=cwd, stdout=stdout, text=text)

    @property
    def ros1_environment(self) -> dict[str, str]:
        """What a program needs to find the master."""
        assert self._master is not None
        return self._master.environment

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
