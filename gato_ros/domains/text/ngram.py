"""A model of three tokens by counting (interpolated Kneser-Ney): what a network has to beat on equal data.

After Chen and Goodman, An Empirical Study of Smoothing Techniques for Language Modeling (1999), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class _Counts(NamedTuple):
    """How often what follows what."""

    keys: np.ndarray
    """[n] int64, sorted: a history times the number of pieces, plus the token."""
    counts: np.ndarray
    """[n]"""
    histories: np.ndarray
    """[m] int64, sorted."""
    totals: np.ndarray
    """[m] sum of the counts after each history."""
    kinds: np.ndarray
    """[m] how many different tokens follow each history."""
    discount: float


@dataclass(frozen=True)
class NGram:
    """Of texts that were counted."""

    pieces: int
    orders: tuple[_Counts, _Counts, _Counts]
    """After no token, one, and two."""

    @staticmethod
    def of(texts: Sequence[Sequence[int]], pieces: int, end: int) -> NGram:
        """Counted from texts, each the ids of its pieces with `end` after it; ids lie below `pieces`."""
        triples = np.unique(np.concatenate([_triples(text, pieces, end) for text in texts]), return_counts=True)
        # Shorter histories count in how many different longer ones a token comes.
        pairs = np.unique(triples[0] % pieces**2, return_counts=True)
        singles = np.unique(pairs[0] % pieces, return_counts=True)
        one, two, three = (_counted(keys, counts, pieces) for keys, counts in (singles, pairs, triples))
        return NGram(pieces, (one, two, three))

    def nats(self, text: Sequence[int], end: int) -> np.ndarray:
        """[n - 1] minus the logarithm of the probability of each token but the first, given those before it."""
        keys = _triples(text, self.pieces, end)
        probability = np.full(len(keys), 1 / self.pieces)
        for order, counts in enumerate(self.orders, 1):
            known = keys % self.pieces**order
            probability = _interpolated(counts, known, known // self.pieces, probability)
        return -np.log(probability)


def _triples(text: Sequence[int], pieces: int, end: int) -> np.ndarray:
    """[n - 1] int64 keys of all tokens but the first with the two before; before the text stands `end`."""
    ids = np.array([end, *text], np.int64)
    return (ids[:-2] * pieces + ids[1:-1]) * pieces + ids[2:]


def _counted(keys: np.ndarray, counts: np.ndarray, pieces: int) -> _Counts:
    histories, place = np.unique(keys // pieces, return_inverse=True)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    discount = once / (once + 2 * twice) if once and twice else 0.5
    return _Counts(keys, counts, histories, np.bincount(place, counts), np.bincount(place), discount)


def _interpolated(counts: _Counts, keys: np.ndarray, histories: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    place, found = _looked_up(counts.histories, histories)
    at, seen = _looked_up(counts.keys, keys)
    total = np.where(found, counts.totals[place], 1.0)
    own = np.where(seen, np.maximum(counts.counts[at] - counts.discount, 0), 0)
    left = counts.discount * counts.kinds[place]
    return np.where(found, (own + left * shorter) / total, shorter)


def _looked_up(sorted_keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of keys, and whether they are there."""
    place = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return place, sorted_keys[place] == wanted
