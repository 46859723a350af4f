"""Which of a sensor's messages belongs to one instant: by the rule that its channel states."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Literal

from gato_ros.core.timing.freshness import Sample

Rule = Literal["hold", "nearest", "newest_before", "drop"]
KEEP_S = 2.0
"""Samples that are so much older than the newest [s] are forgotten: no picture is so late."""


class Stream:
    """The samples of one sensor in the order of their stamps.

    - hold: the newest that has come
    - nearest: the one whose stamp is nearest to the instant, before or after it
    - newest_before: the newest that is not after the instant, and at most `max_age_s` before it
    - drop: as newest_before, and at most one control period before it
    """

    def __init__(self, rule: str, max_age_s: float, period_s: float, most: int = 4096):
        """`most`: how many samples are kept; pictures are large."""
        self.rule, self._most = rule, most
        self._oldest_s = period_s if rule == "drop" else max_age_s
        self._samples: list[Sample] = []

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def newest(self) -> Sample | None:
        """The one with the latest stamp, or None."""
        return self._samples[-1] if self._samples else None

    def add(self, sample: Sample) -> None:
        """Keep one whose stamp is after all others'."""
        self._samples.append(sample)
        if len(self._samples) > self._most or sample.stamp_s - self._samples[0].stamp_s > KEEP_S:
            first = bisect_left(self._samples, sample.stamp_s - KEEP_S, key=_stamp_s)
            del self._samples[: max(first, len(self._samples) - self._most)]

    def at(self, stamp_s: float, within_s: float = 0.0) -> Sample | None:
        """The sample of that stamp [s], or the nearest one within so much of it; None where there is none."""
        near = min(self._samples, key=lambda sample: abs(sample.stamp_s - stamp_s), default=None)
        return near if near is not None and abs(near.stamp_s - stamp_s) <= within_s else None

    def clear(self) -> None:
        """Forget all."""
        self._samples.clear()

    def pick(self, at_s: float | None) -> Sample | None:
        """The sample that belongs to the instant `at_s` [s] by its stamp; None where there is none.

        Without an instant (no camera sets one) it is the newest.
        """
        if not self._samples or at_s is None or self.rule == "hold":
            return self.newest
        after = bisect_right(self._samples, at_s, key=_stamp_s)
        if self.rule == "nearest":
            near = self._samples[max(after - 1, 0) : after + 1]
            return min(near, key=lambda sample: abs(sample.stamp_s - at_s))
        if after == 0:
            return None
        found = self._samples[after - 1]
        return found if at_s - found.stamp_s <= self._oldest_s else None


def _stamp_s(sample: Sample) -> float:
    return sample.stamp_s
