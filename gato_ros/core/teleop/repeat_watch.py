"""Whether a device still follows its operator, or its node repeats the last message of a lost link."""

from __future__ import annotations

import math
from collections.abc import Hashable


class RepeatWatch:
    """How long a device has said the same.

    Only the whole message counts: an operator at a pad moves something, if only another axis by one step. A stick at
    its end stop may say the same for long all the same, so the time must leave room for that.

    Args:
        timeout_s: a device that moves the arm with the same message for longer [s] has let go; 0: never.
    """

    def __init__(self, timeout_s: float):
        self._timeout_s = timeout_s if timeout_s > 0.0 else math.inf
        self._said: dict[str, Hashable] = {}
        self._changed_s = -math.inf

    def received(self, topic: str, message: Hashable, now_s: float) -> None:
        """The newest message of one of its topics, at `now_s` [s] on a clock that never jumps."""
        if topic not in self._said or self._said[topic] != message:
            self._said[topic], self._changed_s = message, now_s

    def stuck(self, now_s: float) -> bool:
        """Whether nothing has changed for longer than the timeout."""
        return now_s - self._changed_s > self._timeout_s
