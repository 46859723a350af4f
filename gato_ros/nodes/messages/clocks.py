"""Time as messages carry it, and as seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from builtin_interfaces.msg import Time
from rclpy.node import Node

from gato_ros.core.timing.freshness import Instant

CLOCK_SET_S = 1.0
"""A stamp further back than this [s] means that the clock was set, not that messages overtook each other."""


class SampleStamps:
    """Stamps of one sensor's samples: each later than the one before, none later than its sample was taken."""

    def __init__(self, clock_ns: Callable[[], int], steady_s: Callable[[], float] = time.monotonic):
        self._clock_ns, self._steady_s, self._last_ns = clock_ns, steady_s, 0

    def stamp_ns(self, sampled_s: float) -> int:
        """Of a newer sample than all before, taken at `sampled_s` on the steady clock [s].

        A process that has to wait between the two clocks makes a stamp early by that, never late. The next one may then
        come out before it, and is moved behind it: that sample is younger still.
        """
        clock_ns = self._clock_ns()
        stamp_ns = clock_ns - max(0, int((self._steady_s() - sampled_s) * 1e9))
        if 0 <= self._last_ns - stamp_ns < CLOCK_SET_S * 1e9:
            stamp_ns = self._last_ns + 1
        self._last_ns = stamp_ns
        return stamp_ns


def instant(node: Node) -> Instant:
    """This moment on the steady clock and on the node's clock (wall, or /clock under use_sim_time)."""
    return Instant(time.monotonic(), node.get_clock().now().nanoseconds * 1e-9)


def seconds(stamp: Time) -> float:
    """A stamp in seconds."""
    return stamp.sec + stamp.nanosec * 1e-9


def nanoseconds(stamp: Time) -> int:
    """A stamp in nanoseconds, exact."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def stamp_of(seconds_: float) -> Time:
    """The nearest stamp to a time in seconds."""
    total = round(seconds_ * 1e9)
    return Time(sec=total // 1_000_000_000, nanosec=total % 1_000_000_000)
