"""A control rate that keeps in step with the sensors that feed it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pace:
    """Absolute deadlines one period apart, drawn slowly towards the arrival of new camera frames.

    A free-running ticker lets frames wait up to a whole period; acting on every frame would follow a camera
    of any rate. Here a tick acts on the first new frame inside `window_s` around its deadline, or at the end
    of that window without one, and the deadlines follow the frames by at most `nudge_s` a tick, so that the
    mean rate stays the control rate within nudge / period.
    """

    period_s: float
    """Time between two ticks [s]."""
    deadline_s: float
    """The next tick [s], on the steady clock."""
    window_fraction: float = 0.2
    """Half width of the window around a deadline, in periods."""
    nudge_fraction: float = 0.005
    """Largest shift of the deadlines in one tick, in periods."""
    _missed: int = 0

    @property
    def earliest_s(self) -> float:
        """From here on a new frame starts the tick."""
        return self.deadline_s - self.window_fraction * self.period_s

    @property
    def latest_s(self) -> float:
        """From here on the tick starts without one."""
        return self.deadline_s + self.window_fraction * self.period_s

    def acted(self, started_s: float, finished_s: float, on_new_frame: bool) -> None:
        """Record a tick and set the next deadline; ticks that lie in the past are counted and dropped."""
        if on_new_frame:
            nudge = self.nudge_fraction * self.period_s
            self.deadline_s += max(-nudge, min(nudge, started_s - self.deadline_s))
        self.deadline_s += self.period_s
        while self.latest_s < finished_s:
            self.deadline_s += self.period_s
            self._missed += 1

    def take_missed(self) -> int:
        """How many ticks were dropped since the last call."""
        missed, self._missed = self._missed, 0
        return missed
