"""Paragraphs as sequences to learn from: from the beginning of one on, as many as there is room for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import PAD
from gato_ros.models.mixed_sequence import Grids
from gato_ros.models.segments import NOWHERE, SequenceTokens
from gato_ros.models.vocabulary import Vocabulary, vocabulary_of


class TextSource:
    """A `training.mixture.writing.Source`."""

    def __init__(self, texts: Sequence[str], config: GatoConfig):
        """At least one paragraph; SetupError for a model without text."""
        vocabulary = vocabulary_of(config)
        self._size = config.patch_size
        self.grids: Grids = ()
        """Text has no pictures."""
        each = [encoded(text, vocabulary) for text in texts]
        self._ids = np.concatenate(each).astype(np.int32)
        # Each paragraph is a time-step of its own, as a prompt of `generate` is.
        self._place = np.concatenate([np.arange(len(ids)) for ids in each]).astype(np.int32)
        self._starts = np.cumsum([0, *(len(ids) for ids in each[:-1])])

    def __len__(self) -> int:
        """Tokens."""
        return len(self._ids)

    @cached_property
    def digest(self) -> str:
        """Of all tokens."""
        return hashlib.sha256(self._ids.tobytes()).hexdigest()

    def sequence(self, rng: np.random.Generator, length: int, learned: int) -> SequenceTokens:
        """Tokens from the beginning of a paragraph on; padded where the last one ends."""
        start = int(self._starts[rng.integers(len(self._starts))])
        ids, place = (part[start : start + length] for part in (self._ids, self._place))
        ids_all, places = np.full(length, PAD, np.int32), np.full(length, NOWHERE, np.int32)
        ids_all[: len(ids)], places[: len(ids)] = ids, place
        predicted = np.arange(length) < min(len(ids), learned + 1)
        size = self._size
        return SequenceTokens(
            ids_all,
            places,
            predicted,
            np.asarray(len(ids), np.int32),
            np.zeros((0, size, size, 3), np.uint8),
            np.zeros(0, np.int32),
            np.zeros((0, 2, 2), np.int32),
        )


def encoded(text: str, vocabulary: Vocabulary) -> list[int]:
    """The ids of a paragraph, and the piece that ends a text."""
    return [*vocabulary.encode(text), vocabulary.end]
