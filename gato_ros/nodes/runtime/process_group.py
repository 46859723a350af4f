"""Nodes as child processes that never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from gato_ros.nodes.runtime.die_with_parent import ENVIRONMENT
from gato_ros.nodes.runtime.node_specs import MANAGER, NodePlan

STOP_LIMIT_S = 5.0


class ChildDied(Exception):
    """A node ended by itself; carries its name, exit code and last line."""

    def __init__(self, name: str, code: int, last_line: str):
        self.name, self.code, self.last_line = name, code, last_line
        super().__init__(f"{name} ended with exit code {code}: {last_line}")


class Children:
    """Starts nodes on entry, ends them on exit: SIGINT, and SIGKILL to whoever has not gone in time."""

    def __init__(self, plans: Sequence[NodePlan]):
        self._plans = plans
        self._logs = tempfile.TemporaryDirectory(prefix="gato_ros_nodes_")
        self._processes: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Children":
        try:
            for plan in self._plans:
                with open(self._log(plan.name), "wb") as log:
                    # A session of its own: Ctrl-C reaches only the parent, which stops the nodes in order.
                    self._processes[plan.name] = subprocess.Popen(
                        plan.command(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        # A parent killed outright cannot end its children any more: they see to it themselves.
                        env={**os.environ, ENVIRONMENT: str(os.getpid())},
                    )
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _log(self, name: str) -> Path:
        return Path(self._logs.name) / f"{name}.log"

    def last_line(self, name: str) -> str:
        """The last line a node printed."""
        lines = self._log(name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def check(self) -> None:
        """Raise ChildDied if a node is gone that the loop needs."""
        for plan in self._plans:
            if plan.needed and (code := self._processes[plan.name].poll()) is not None:
                raise ChildDied(plan.name, code, self.last_line(plan.name))

    def pid(self, name: str) -> int:
        """The process number of a node."""
        return self._processes[name].pid

    def lost(self) -> list[str]:
        """Of the nodes that the loop does without, those that are gone: name and last line."""
        return [
            f"{plan.name}: {self.last_line(plan.name)}"
            for plan in self._plans
            if not plan.needed and self._processes[plan.name].poll() is not None
        ]

    def _end(self, names: Sequence[str]) -> None:
        running = [self._processes[name] for name in names if self._processes[name].poll() is None]
        for process in running:
            os.killpg(process.pid, signal.SIGINT)
        end_s = time.monotonic() + STOP_LIMIT_S
        for process in running:
            try:
                process.wait(timeout=max(0.0, end_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def stop(self) -> None:
        """End every node; safe to call twice."""
        # A second Ctrl-C in here would leave nodes behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # A manager brings the others down in order before it ends.
            self._end([name for name in self._processes if name == MANAGER])
            self._end(list(self._processes))
        finally:
            signal.signal(signal.SIGINT, before)
            self._logs.cleanup()
