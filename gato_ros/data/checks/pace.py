"""How fast and how evenly an episode's steps came, and the one rate at which several can be played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.core.errors import SetupError

RATE_ERROR = 0.01
"""Time in an exported file may differ from time on the clock by this share."""
MOST_OFF = 0.5
"""Of a period: a step further from an even clock's is nearer to another step's place."""
MOST_JITTER = 0.2
"""Of a period, by which half of all steps may miss the usual distance from the one before."""


@dataclass(frozen=True)
class Pace:
    """Of one episode of N steps."""

    rate_hz: float
    """From the first step to the last, in the mean."""
    off: float
    """Furthest of a step from an even clock of that rate [periods]."""
    off_step: int
    """Which one."""
    jitter: float
    """Median of what a step's distance from the one before misses the mean by [periods]."""

    @staticmethod
    def of(stamps_s: np.ndarray) -> Pace | None:
        """From increasing stamps [N]; None for fewer than two."""
        stamps_s = np.asarray(stamps_s, np.float64)
        if len(stamps_s) < 2 or (np.diff(stamps_s) <= 0).any():
            return None
        rate_hz = (len(stamps_s) - 1) / float(stamps_s[-1] - stamps_s[0])
        places = (stamps_s - stamps_s[0]) * rate_hz - np.arange(len(stamps_s))
        off = np.abs(places - (places.max() + places.min()) / 2)
        jitter = np.abs(np.diff(stamps_s) * rate_hz - 1)
        return Pace(rate_hz, float(off.max()), int(off.argmax()), float(np.median(jitter)))

    @property
    def uneven(self) -> str:
        """Why no even clock fits; empty where one does."""
        if self.off > MOST_OFF:
            return f"up to {self.off:.2g} of a period from an even {self.rate_hz:.4g} Hz, at step {self.off_step}"
        if self.jitter > MOST_JITTER:
            return f"half of them {self.jitter:.0%} of a period and more from an even {self.rate_hz:.4g} Hz"
        return ""


def common_rate_hz(rates: Mapping[str, float], contract_hz: float) -> float:
    """The rate at which time passes as it did in all episodes, an int where a whole number will do.

    Args:
        rates: episode -> steps in a second, as measured; without those too short to say.
        contract_hz: taken where it fits.

    Raises:
        SetupError: no rate is within RATE_ERROR of all.
    """
    values = list(rates.values())
    middle = float(np.sqrt(min(values) * max(values))) if values else contract_hz
    for rate in (contract_hz, round(middle), round(middle, 3), middle):
        if rate > 0 and all(abs(value / rate - 1) <= RATE_ERROR for value in values):
            return int(rate) if rate == int(rate) else rate
    groups: dict[float, list[str]] = {}
    for name, value in sorted(rates.items(), key=lambda item: item[1]):
        near = next((rate for rate in groups if abs(value / rate - 1) <= RATE_ERROR), None)
        groups.setdefault(value if near is None else near, []).append(name)
    raise SetupError(
        expected="episodes of one rate",
        got="; ".join(f"{rate:.4g} Hz: {', '.join(names[:3])}{_more(names)}" for rate, names in groups.items()),
        fix="export the files of each rate by themselves",
    )


def _more(names: list[str]) -> str:
    return f" and {len(names) - 3} more" if len(names) > 3 else ""
