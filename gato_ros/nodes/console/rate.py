"""How often something comes, and how old it is."""

from __future__ import annotations

from collections import deque

WINDOW_S = 2.0
MOST = 1000
"""A flood is counted no further."""


class Rate:
    """Times of receipt over the last two seconds, on a clock that never jumps."""

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=MOST)

    def saw(self, now_s: float) -> None:
        """It came at `now_s` [s]."""
        self._times_s.append(now_s)

    def hz(self, now_s: float) -> float:
        """Mean of the last two seconds; 0 where nothing, or only one thing, came."""
        while self._times_s and now_s - self._times_s[0] > WINDOW_S:
            if len(self._times_s) == 1:
                break  # the newest tells the age
            self._times_s.popleft()
        if len(self._times_s) < 2:
            return 0.0
        return (len(self._times_s) - 1) / max(self._times_s[-1] - self._times_s[0], 1e-3)

    def age_s(self, now_s: float) -> float | None:
        """Since the last [s]; None where none came."""
        return max(0.0, now_s - self._times_s[-1]) if self._times_s else None
