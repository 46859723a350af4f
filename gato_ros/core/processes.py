"""What a process asks of Linux and its C library: not to outlive its parent, and to keep the memory that it frees."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
"""Of mallopt(3); the last is in glibc's malloc.h."""


def signal_with_parent(number: int) -> None:
    """From now on the kernel sends this process the signal `number` when its parent ends. Linux only; else nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory, best before JAX starts its threads; False where it cannot be had.

    On a CPU XLA takes and frees all buffers of a step in every step. By default glibc gives large blocks back to the
    kernel, which clears each page that is taken again: a quarter of the processor time of a training of `sawyer_small`.
    One arena serves all threads, because the others end at 64 MiB.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library than glibc
        return False
    taken = [mallopt(*wanted) for wanted in ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1))]
    return min(taken) == 1
