"""Text as a part of a mixture: answers about pictures, or plain text (Gato section 2.3).

Sequences are mixed ones. Of each the learned tokens alone meet the table, which has a row for every piece of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.loss import masked_cross_entropy
from gato_ros.models.mixed_sequence import Grids, mixed_targets
from gato_ros.models.segments import SequenceTokens, learned_places
from gato_ros.training.mixture.writing_config import WritingConfig

VALIDATION_BATCHES = 4


class WritingBatch(NamedTuple):
    """One gradient step's sequences."""

    tokens: SequenceTokens
    """Leading axis [batch]."""
    learned: np.ndarray
    """[batch places] int32, as `learned_places`."""


class Source(Protocol):
    """Where sequences come from."""

    grids: Grids
    """Of the pictures of a sequence, the same in all of them."""
    digest: str
    """Of all that sequences are made of."""

    def __len__(self) -> int:
        """Pictures, or texts."""
        ...

    def sequence(self, rng: np.random.Generator, length: int, learned: int) -> SequenceTokens:
        """One of `length` tokens, of which no more than so many are predicted."""
        ...


@dataclass(frozen=True)
class Writing:
    """What is learned from what, in one part of a mixture."""

    config: WritingConfig
    model: GatoConfig
    layout: TokenLayout
    """Of a step of the contract; the parameters of a generalist depend on none."""
    training: Source
    validation: Source

    @property
    def frames_per_step(self) -> int:
        return self.config.batch

    @property
    def data_digest(self) -> str:
        return f"{self.training.digest} {self.validation.digest}"

    def batch_of_step(self, seed: int, step: int) -> WritingBatch:
        """A function of data, seed and step alone."""
        return self._batch(self.training, np.random.default_rng([seed, 4, step]))

    def _batch(self, source: Source, rng: np.random.Generator) -> WritingBatch:
        config = self.config
        each = [source.sequence(rng, config.length, config.places) for _ in range(config.batch)]
        tokens = SequenceTokens(*(np.stack(part) for part in zip(*each)))
        return WritingBatch(tokens, learned_places(tokens, config.places))

    @cached_property
    def _held_out(self) -> Sequence[WritingBatch]:
        rng = np.random.default_rng([0, 5])
        return [self._batch(self.validation, rng) for _ in range(VALIDATION_BATCHES)]

    def measure(self, params: Any) -> dict[str, Any]:
        """Loss [nat] and share of right tokens on what is held out, each token given all before it."""
        grids = self.validation.grids
        measured = [
            measure_writing(params, batch, config=self.config, model=self.model, grids=grids)
            for batch in self._held_out
        ]
        return {key: np.mean([one[key] for one in measured], 0) for key in measured[0]}


def writing_loss(
    params: Any, batch: WritingBatch, rng: Any, *, config: WritingConfig, model: GatoConfig, grids: Grids
) -> tuple[Any, dict[str, Any]]:
    """Mean loss [nat] over the learned tokens, and its parts; with `rng` of a training pass."""
    logits, rows, mask = mixed_targets(
        params, model, batch.tokens, rng=rng, grids=grids, learned=batch.learned, text_only=config.legal_only
    )
    loss = masked_cross_entropy(logits, rows, mask)
    right = jnp.where(mask, logits.argmax(-1) == rows, False).sum() / jnp.maximum(mask.sum(), 1)
    return loss, {"text_loss": loss, "accuracy": right, "loss": loss}


@partial(jax.jit, static_argnames=("config", "model", "grids"))
def measure_writing(
    params: Any, batch: WritingBatch, *, config: WritingConfig, model: GatoConfig, grids: Grids
) -> dict[str, Any]:
    """`writing_loss` of a pass that is no training pass."""
    return writing_loss(params, batch, None, config=config, model=model, grids=grids)[1]
