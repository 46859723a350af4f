"""What the machine kept processes from doing: so much later may they answer than on a quiet one.

Two measures, for neither sees everything. The kernel counts how long each thread was ready and had no processor
(`/proc/PID/task/*/schedstat`). A thread of the test's own that wants to wake every 5 ms sees what the kernel does not
count: a machine that is itself not run.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

WAKE_S = 0.005
COUNTS_S = 0.02
"""A wake that is less late than this [s] is Python's own doing: threads take turns."""
ROOM_S = 0.05
"""What a bound grows by without any stall [s]: shared cores and caches make work slower, and nothing counts that."""


def waits_s(pid: int) -> dict[int, float]:
    """Thread -> how long it has waited for a processor so far [s]; empty where the process has ended."""
    found = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().split()[1]) * 1e-9
        except OSError:  # ended meanwhile
            continue
    return found


class Waker:
    """A thread that wants to wake every 5 ms, and remembers how late it came. A context manager."""

    def __init__(self):
        self._late: deque[tuple[float, float]] = deque(maxlen=10_000)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)

    def __enter__(self) -> Waker:
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        last_s = time.monotonic()
        while not self._ends.wait(WAKE_S):
            now_s = time.monotonic()
            if (late_s := now_s - last_s - WAKE_S) > COUNTS_S:
                self._late.append((now_s, late_s))
            last_s = now_s

    def late_s(self, since_s: float) -> float:
        """How late it came since then, altogether [s]."""
        return sum(late_s for at_s, late_s in list(self._late) if at_s > since_s)


class Stalls:
    """How long the machine has kept the processes of a reaction waiting since this was made.

    Args:
        through: name -> process id, in whatever order the reaction passes through them.
        no_main: those of them whose main thread does not count: a process that counts its own steps takes none while
            that thread waits.
    """

    def __init__(self, waker: Waker, through: dict[str, int], no_main: tuple[str, ...] = ()):
        self._waker, self._through, self._no_main = waker, through, no_main
        self._began_s = time.monotonic()
        self._before = {name: waits_s(pid) for name, pid in through.items()}
        self._done: dict[str, float] = {}

    def has_done(self, name: str) -> None:
        """What this process had to do for the reaction is done: what it waits for from now on holds nothing up."""
        self._done[name] = self._wait_s(name)

    def is_elsewhere(self, name: str) -> None:
        """The fault's instant is another process's word: this one has held nothing up."""
        self._done[name] = 0.0

    def by_process_s(self) -> dict[str, float]:
        """Process -> the waits of its threads [s], and how long the whole machine was away."""
        found = {name: self._done.get(name, self._wait_s(name)) for name in self._through}
        return {**found, "the whole machine": self._waker.late_s(self._began_s)}

    def _wait_s(self, name: str) -> float:
        pid, before = self._through[name], self._before[name]
        return sum(
            wait_s - before.get(thread, 0.0)
            for thread, wait_s in waits_s(pid).items()
            if thread != pid or name not in self._no_main
        )

    def limit_s(self, bound_s: float) -> float:
        """What a bound [s] of a quiet machine has become: all these waits may have come one after the other."""
        return bound_s + ROOM_S + sum(self.by_process_s().values())

    def __str__(self) -> str:
        waits = ", ".join(f"{name} {1e3 * wait_s:.0f}" for name, wait_s in self.by_process_s().items())
        return f"kept waiting by the machine [ms]: {waits}"
