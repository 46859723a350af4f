"""A control rate that keeps in step with the sensors that feed it."""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.core.rotation import wrap_angle


@dataclass
class Pace:
    """Absolute deadlines one period apart, drawn towards the arrival of new camera frames.

    A free-running ticker lets frames wait up to a whole period; acting on every frame would follow a camera
    of any rate. Here a tick acts on the first new frame inside a window around its deadline, or at the end
    of that window without one. After each tick the deadlines move towards the phase at which frames arrive,
    out of a budget of half a period that refills slowly: so a phase is found quickly, and over a long time
    the rate stays the control rate within `refill_fraction`, whatever the rate of the cameras.
    """

    period_s: float
    """Time between two ticks [s]."""
    deadline_s: float
    """The next tick [s], on the steady clock."""
    early_fraction: float = 0.2
    """A new frame may start a tick this much before its deadline [periods]."""
    late_fraction: float = 0.4
    """A tick waits for a new frame this much past its deadline [periods]."""
    gain: float = 0.2
    """Share of the phase error that one tick takes away."""
    refill_fraction: float = 0.005
    """How fast the budget of shifts refills [periods per tick]."""
    _budget_s: float | None = None
    _missed: int = 0

    @property
    def earliest_s(self) -> float:
        """From here on a new frame starts the tick [s]."""
        return self.deadline_s - self.early_fraction * self.period_s

    @property
    def latest_s(self) -> float:
        """From here on the tick starts without one [s]."""
        return self.deadline_s + self.late_fraction * self.period_s

    def acted(self, finished_s: float, arrived_s: float | None) -> None:
        """Record a tick that ended at `finished_s`, and when the newest frames arrived (None: no cameras).

        Ticks that lie in the past are counted and dropped.
        """
        full_s = self.period_s / 2
        left_s = full_s if self._budget_s is None else self._budget_s
        self._budget_s = min(full_s, left_s + self.refill_fraction * self.period_s)
        if arrived_s is not None:
            shift = self.gain * wrap_angle(arrived_s - self.deadline_s, self.period_s)
            shift = max(-self._budget_s, min(self._budget_s, shift))
            self._budget_s -= abs(shift)
            self.deadline_s += shift
        self.deadline_s += self.period_s
        while self.latest_s < finished_s:
            self.deadline_s += self.period_s
            self._missed += 1

    def take_missed(self) -> int:
        """How many ticks were dropped since the last call."""
        missed, self._missed = self._missed, 0
        return missed
