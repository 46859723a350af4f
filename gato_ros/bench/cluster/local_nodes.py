"""Ray nodes on this machine: each is a group of processes with its own resources, and can be killed like a machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from gato_ros.core.errors import SetupError

START_WITHIN_S = 180.0
_STORE_BYTES = 100 * 2**20
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
_UP = "This command will now block forever"
WORKER = "ray::run_item"
"""How the title of a worker process begins that has work."""


@dataclass
class LocalNodes:
    """A head and others beside it. The head has the cluster's memory: it is never killed."""

    address: str
    """HOST:PORT for --ray."""
    place: Path
    """Folder of the sockets and logs."""
    cpus: int
    """Of each node: so many items at a time."""
    others: list[psutil.Popen] = field(default_factory=list)

    def add(self) -> None:
        """One more node; it is there when this returns."""
        self.others.append(_node(self.place, self.cpus, [f"--address={self.address}"]))

    def kill(self, number: int) -> None:
        """SIGKILL to all processes of a node at once, as when its power is cut."""
        _kill(self.others.pop(number))

    def workers(self) -> list[psutil.Process]:
        """Worker processes of all nodes that have work."""
        return [one for node in _raylets(self.place) for one in _children(node) if _title(one).startswith(WORKER)]


@contextlib.contextmanager
def local_nodes(count: int, cpus: int = 1) -> Iterator[LocalNodes]:
    """`count` nodes with `cpus` each, the head among them; all processes and files are gone at the end."""
    place = Path(tempfile.mkdtemp(prefix="gr_", dir="/tmp"))  # a socket's path has at most 107 bytes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = LocalNodes(f"127.0.0.1:{port}", place, cpus)
    with contextlib.ExitStack() as ended:
        ended.callback(shutil.rmtree, place, ignore_errors=True)
        alone = ["--include-dashboard=false", "--no-monitor"]  # nor an autoscaler
        head = _node(place, cpus, ["--head", f"--port={port}", f"--temp-dir={place}", *alone])
        ended.callback(_kill, head)
        ended.callback(lambda: [_kill(one) for one in nodes.others])
        for _ in range(count - 1):
            nodes.add()
        yield nodes


def _raylets(place: Path) -> list[psutil.Process]:
    """The process of each node that takes work."""
    found = []
    for one in psutil.process_iter(["name", "cmdline"]):
        if one.info["name"] == "raylet" and any(str(place) in word for word in one.info["cmdline"] or ()):
            found.append(one)
    return found


def _node(place: Path, cpus: int, words: list[str]) -> psutil.Popen:
    """A node that is up. On a busy machine Ray gives up after half a minute: then once more."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *words, "--block", "--node-ip-address=127.0.0.1"]
    command += [f"--num-cpus={cpus}", "--num-gpus=0", f"--object-store-memory={_STORE_BYTES}"]
    command += ["--disable-usage-stats", "--dashboard-agent-listen-port=0", "--include-log-monitor=false"]
    log, end_s = place / f"start_{time.monotonic_ns()}.log", time.monotonic() + START_WITHIN_S
    while time.monotonic() < end_s:
        with open(log, "w") as said:
            group = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said, "start_new_session": True}
            started = psutil.Popen(command, env={**os.environ, **_QUIET}, **group)
        up = False
        try:
            while not up and started.poll() is None and time.monotonic() < end_s:
                time.sleep(0.2)
                up = _UP in log.read_text()
        finally:  # an interrupt leaves nothing behind
            if not up:
                _kill(started)
        if up:
            return started
    raise SetupError(
        expected=f"a Ray node that starts within {START_WITHIN_S:g} s",
        got=log.read_text().strip()[-300:] or "no word",
        fix="try again when less runs on this machine",
    )


def _kill(started: psutil.Popen) -> None:
    """The group of processes that a node is."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
