"""A process that does not outlive its parent: the kernel sends it a signal."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_PDEATHSIG = 1


def signal_with_parent(number: int) -> None:
    """From now on the kernel sends this process the signal `number` when its parent ends. Linux only; else nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
