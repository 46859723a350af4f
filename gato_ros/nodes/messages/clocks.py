"""Time as messages carry it, and as seconds."""

from __future__ import annotations

import time

from builtin_interfaces.msg import Time
from rclpy.node import Node

from gato_ros.core.timing.freshness import Instant


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
