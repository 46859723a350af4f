"""Intervals for success rates, and what two policies that met the same episodes differ by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""The standard normal's 97.5 % quantile."""


def wilson95(successes: int, episodes: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a proportion (Wilson 1927), as (low, high) in [0, 1]."""
    if not 0 <= successes <= episodes:
        raise ValueError(f"0 <= successes <= episodes does not hold for {successes} of {episodes}")
    if episodes == 0:
        return 0.0, 1.0
    z = Z95
    p = successes / episodes
    centre = p + z * z / (2 * episodes)
    half = z * math.sqrt(p * (1 - p) / episodes + z * z / (4 * episodes**2))
    scale = 1 + z * z / episodes
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def mean95(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of a mean, as (low, high): percentiles of the means of resamples (Efron 1979).

    The same values give the same interval. One value alone gives itself; ValueError without any.
    """
    if not len(values):
        raise ValueError("no values to make an interval of")
    found = np.asarray(values, np.float64)
    means = found[np.random.default_rng(0).integers(len(found), size=(draws, len(found)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class PairedCounts:
    """Episodes that two runs had in common, by which of the two succeeded; ValueError for a negative count."""

    both: int
    only_this: int
    only_that: int
    neither: int

    def __post_init__(self) -> None:
        if min(self.both, self.only_this, self.only_that, self.neither) < 0:
            raise ValueError(f"counts cannot be negative: {self}")

    def __add__(self, other: PairedCounts) -> PairedCounts:
        return PairedCounts(
            self.both + other.both,
            self.only_this + other.only_this,
            self.only_that + other.only_that,
            self.neither + other.neither,
        )

    @property
    def pairs(self) -> int:
        """Episodes in common."""
        return self.both + self.only_this + self.only_that + self.neither

    @property
    def difference(self) -> float:
        """Rate of this run minus rate of that one, in [-1, 1]; 0 without pairs."""
        return (self.only_this - self.only_that) / self.pairs if self.pairs else 0.0

    @property
    def p_value(self) -> float:
        """Exact McNemar test: how likely a split at least as uneven is if both succeed equally often.

        Two-sided sign test over the episodes in which exactly one succeeded; 1 if there are none.
        """
        discordant = self.only_this + self.only_that
        ways = tail = 1
        for k in range(min(self.only_this, self.only_that)):
            ways = ways * (discordant - k) // (k + 1)  # choose k + 1 of them
            tail += ways
        return min(1.0, 2 * tail / 2**discordant)

    @property
    def difference95(self) -> tuple[float, float]:
        """95 % interval of `difference`: Newcombe 1998 (Statistics in Medicine 17:2635), method 10.

        Wilson's intervals of both rates, put together by the correlation of the pairs.
        """
        if not self.pairs:
            return -1.0, 1.0
        this, that = self.both + self.only_this, self.both + self.only_that
        p_this, p_that = this / self.pairs, that / self.pairs
        low_this, high_this = wilson95(this, self.pairs)
        low_that, high_that = wilson95(that, self.pairs)
        phi = self._correlation(this, that)
        down = _joined(p_this - low_this, high_that - p_that, phi)
        up = _joined(high_this - p_this, p_that - low_that, phi)
        return max(-1.0, self.difference - down), min(1.0, self.difference + up)

    def _correlation(self, this: int, that: int) -> float:
        margins = this * (self.pairs - this) * that * (self.pairs - that)
        product = self.both * self.neither - self.only_this * self.only_that
        if product > 0:  # Newcombe's continuity correction
            product = max(product - self.pairs / 2, 0.0)
        return product / math.sqrt(margins) if margins else 0.0


def _joined(one: float, other: float, phi: float) -> float:
    """Half width of a difference from two half widths that correlate by `phi`."""
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def area_under_curve(of_positives: Sequence[float], of_negatives: Sequence[float]) -> float:
    """How often a score is higher for a positive than for a negative case, ties half: 0.5 separates nothing, 1 all."""
    if not of_positives or not of_negatives:
        raise ValueError(f"needs cases of both kinds, got {len(of_positives)} and {len(of_negatives)}")
    wins = sum((a > b) + 0.5 * (a == b) for a in of_positives for b in of_negatives)
    return wins / (len(of_positives) * len(of_negatives))


def area95(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """A 95 % interval of `area_under_curve` by the standard error of Hanley and McNeil 1982 (Radiology 143:29)."""
    one, two = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
    variance = area * (1.0 - area) + (positives - 1) * (one - area**2) + (negatives - 1) * (two - area**2)
    half = Z95 * math.sqrt(max(0.0, variance) / (positives * negatives))
    return max(0.0, area - half), min(1.0, area + half)
