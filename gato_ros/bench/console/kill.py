"""The operator's page killed (SIGKILL) while a browser holds a button: how soon the arm rests, and what the guard sees.

Everything else goes on: a robot that stands, and the guard. A kill that the guard notices is one that makes it latch,
or pause its commands for longer than LARGEST_GAP_S.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from gato_ros.core.bounds import Episodes, Seed, Within, check_bounds

REST_S, LARGEST_GAP_S, AFTER_S, LIMIT_S = 0.2, 0.05, 0.6, 60.0
"""The bar for the arm's rest [s]; a longer pause of the guard's commands is a gap [s]; each kill is watched for so long
[s]; starts are waited for so long [s]."""
MOVES_RAD_S = 1e-3
MOTIONS = ("up", "down")


@dataclass(frozen=True)
class Options:
    """How often."""

    kills: Episodes = 100
    """How many in all."""
    longest_s: Annotated[float, Within(0, 5, open_below=True, as_interval=True)] = 0.4
    """A kill comes within so long after the arm began to move [s]."""
    seed: Seed = 0
    """Of the moments."""
    json: Path | None = Path("out/console/kill.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Kill and judge; ok when the arm rested in time after every kill, and the guard noticed none."""
    check_bounds(options)
    rows = kills(options)
    rest, gaps = ([row[name] for row in rows] for name in ("rest_s", "gap_s"))
    result = {
        "kills": len(rows),
        "rest_ms": {"p50": 1e3 * float(np.median(rest)), "largest": 1e3 * max(rest)},
        "largest_gap_ms": 1e3 * max(gaps),
        "gaps": sum(gap > LARGEST_GAP_S for gap in gaps),
        "latched": sum(row["latched"] for row in rows),
        "load_average": os.getloadavg()[0],
    }
    result["ok"] = max(rest) <= REST_S and not result["gaps"] and not result["latched"]
    print(
        f"{len(rows)} kills in motion: at rest after {result['rest_ms']['p50']:.0f} ms, at most "
        f"{result['rest_ms']['largest']:.0f} ms; largest pause of the guard's commands "
        f"{result['largest_gap_ms']:.0f} ms; {result['latched']} latches"
    )
    return result


def kills(options: Options) -> list[dict]:
    """A row for each kill."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from gato_ros.bench.recorder.sample_robot import NAME
    from gato_ros.evaluation.progress import counted
    from gato_ros.nodes.runtime.node_specs import NAMESPACE, NodePlan, default_parameter_file
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.nodes.runtime.ros_domain import own_domain

    robot = NodePlan(NAME, NAMESPACE, default_parameter_file(), {"operator": False}, package="gato_ros.bench.recorder")
    guard = NodePlan("guard_node", NAMESPACE, default_parameter_file(), {"start_armed": True})
    rng = random.Random(options.seed)
    with own_domain(), Children((robot, guard)) as children:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        try:
            watch = Watch(NAMESPACE, children.check)
            with counted("kills", options.kills) as advance:
                return [
                    _kill(watch, number, rng.uniform(0.0, options.longest_s), advance)
                    for number in range(options.kills)
                ]
        finally:
            rclpy.try_shutdown()


def _kill(watch: Watch, number: int, after_s: float, advance) -> dict:
    from gato_ros.bench.console.page_client import PageClient

    with tempfile.TemporaryFile("w+") as log:
        console = _start_console(log)
        try:
            with PageClient(_address(log, console, watch), MOTIONS[number % 2]):
                watch.wait(lambda: watch.moves, "the arm to move")
                watch.spin(after_s)
                watch.commands.clear()
                killed_ns = time.time_ns()
                console.kill()
                watch.spin(AFTER_S)
        finally:
            console.kill()
            console.wait()
    advance(str(number))
    return watch.judge(killed_ns)


def _start_console(log) -> subprocess.Popen:
    from gato_ros.nodes.runtime.die_with_parent import ENVIRONMENT
    from gato_ros.nodes.runtime.node_specs import NAMESPACE

    command = [sys.executable, "-m", "gato_ros.nodes.console_node", "--ros-args", "-r", f"__ns:=/{NAMESPACE}"]
    return subprocess.Popen(
        [*command, "-p", "port:=0"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, ENVIRONMENT: str(os.getpid())},
    )


def _address(log, console: subprocess.Popen, watch: Watch) -> str:
    found: list[str] = []

    def there() -> bool:
        log.seek(0)
        text = log.read()
        found.extend(re.findall(r"console: (\S+)", text))
        if console.poll() is not None:
            raise RuntimeError(f"console_node ended: {text[-300:]}")
        return bool(found)

    watch.wait(there, "the page's address")
    return found[0]


class Watch:
    """The guard's commands and status, as they come. One thread."""

    def __init__(self, namespace: str, check):
        import rclpy
        from diagnostic_msgs.msg import DiagnosticStatus
        from rclpy.executors import SingleThreadedExecutor
        from sensor_msgs.msg import JointState

        from gato_ros.embodiments import load_embodiment
        from gato_ros.nodes.runtime.qos import COMMAND, REPORT

        self._node, self._check = rclpy.create_node("kill_watch", namespace=namespace), check
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self.commands: list[tuple[int, float]] = []
        """When the guard made each [ns], and its fastest joint [rad/s]."""
        self.level = ""
        self._node.create_subscription(JointState, load_embodiment().wire.arm_command, self._on_command, COMMAND)
        self._node.create_subscription(DiagnosticStatus, "guard_node/status", self._on_status, REPORT)

    def _on_command(self, message) -> None:
        stamp = message.header.stamp
        fastest = float(np.abs(np.array(message.velocity)).max()) if len(message.velocity) else 0.0
        self.commands.append((stamp.sec * 1_000_000_000 + stamp.nanosec, fastest))

    def _on_status(self, message) -> None:
        self.level = message.message

    @property
    def moves(self) -> bool:
        """Whether the last command moves a joint."""
        return bool(self.commands) and self.commands[-1][1] > MOVES_RAD_S

    def spin(self, seconds: float) -> None:
        """Take what comes for so long [s]."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.005)

    def wait(self, done, what: str) -> None:
        """Until `done()`."""
        end_s = time.monotonic() + LIMIT_S
        while not done():
            if time.monotonic() > end_s:
                raise TimeoutError(f"waited {LIMIT_S:.0f} s for {what}; the guard is {self.level or 'silent'}")
            self._check()
            self.spin(0.02)

    def judge(self, killed_ns: int) -> dict:
        """What became of a kill at this moment."""
        stamps = np.array([stamp for stamp, _ in self.commands])
        moving = [stamp for stamp, fastest in self.commands if fastest > MOVES_RAD_S]
        return {
            "rest_s": max(0.0, (max(moving, default=killed_ns) - killed_ns) * 1e-9),
            "gap_s": float(np.diff(stamps).max()) * 1e-9 if len(stamps) > 1 else AFTER_S,
            "latched": self.level == "latched",
        }
