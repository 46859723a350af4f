"""Which latches of the guard are incidents."""

from __future__ import annotations

from collections.abc import Sequence

from gato_ros.core.guard.guard import NOT_ARMED
from gato_ros.core.guard.verdict import Level

SHUTDOWN, DEACTIVATED = "shutdown", "deactivated"
ORDINARY = (NOT_ARMED, SHUTDOWN, DEACTIVATED)
"""Latches that belong to every run: before the first reset, and when the guard ends or releases the arm on request."""
LEVELS = tuple(level.value for level in Level)
ENDED = ("missing_proposal", "stale_proposal", "joint_position_jump")
"""What a guard latches with when proposals end and a simulator puts its arm back; ordinary where the policy was
silenced on request."""


class IncidentFilter:
    """Reads the guard's verdicts one after the other and finds the moments at which an incident begins.

    An incident is a latch that is neither ordinary nor the end of an episode, once per latch: a guard that was
    stopped when the watch began is not one, for nothing is known of how it came to that.
    """

    def __init__(self) -> None:
        self._latch: str | None = None
        self._first = True
        self.policy_silent = False
        """Whether the policy's status says that it does not propose, on request."""

    def saw(self, level: str, reasons: Sequence[str]) -> str | None:
        """The reason of the incident that begins with this verdict, or None."""
        if level not in LEVELS:
            return None  # a guard that is not active says nothing about its latch
        latch = (reasons[0] if reasons else "") if level == Level.LATCHED.value else None
        new, self._latch = latch is not None and latch != self._latch and not self._first, latch
        self._first = False
        if not new or latch in ORDINARY or (latch in ENDED and self.policy_silent):
            return None
        return latch
