"""Runs `python -m MODULE ...` at a low priority, and ends it with whoever asked for it."""

from __future__ import annotations

import os
import signal
import sys

from gato_ros.core.processes import signal_with_parent


def main() -> None:
    niceness, *arguments = sys.argv[1:]
    # Not on top of what the console has: with nothing left to it, it would never be done on a busy machine.
    os.setpriority(os.PRIO_PROCESS, 0, max(int(niceness), os.getpriority(os.PRIO_PROCESS, 0)))
    signal_with_parent(signal.SIGKILL)
    # One thread for each core would take the loop's.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    os.execv(sys.executable, [sys.executable, "-m", *arguments])


if __name__ == "__main__":
    main()
