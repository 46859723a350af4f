"""How old a message is, judged on two clocks; the worse one counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Instant:
    """One moment read on both clocks."""

    steady_s: float
    """Seconds on a clock that never jumps; its zero means nothing."""
    clock_s: float
    """Seconds on the clock that stamps messages (wall time, or simulated time)."""


@dataclass(frozen=True)
class Sample:
    """A value as it came off the wire."""

    value: Any
    """What the message held."""
    stamp_s: float
    """Its header stamp [s], on the stamping clock."""
    received_s: float
    """When it arrived [s], on the steady clock."""

    def age_s(self, now: Instant) -> float:
        """Seconds since it was stamped or received, whichever is longer ago."""
        return max(now.steady_s - self.received_s, now.clock_s - self.stamp_s)


def timing_fault(sample: Sample | None, now: Instant, max_age_s: float, future_tolerance_s: float) -> str | None:
    """Why `sample` may not be used now, or None.

    A stamp from the future is a fault of its own: by a bare age test it would stay fresh for ever.
    The comparisons are written so that NaN fails them.
    """
    if sample is None:
        return "missing"
    if not sample.stamp_s - now.clock_s <= future_tolerance_s or not sample.received_s <= now.steady_s:
        return "future_stamp"
    return None if sample.age_s(now) <= max_age_s else "stale"
