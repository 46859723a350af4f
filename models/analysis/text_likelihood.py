"""How well a model foresees texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import PAD
from gato_ros.models.mixed_sequence import mixed_targets
from gato_ros.models.parameters import Parameters
from gato_ros.models.segments import NOWHERE, SequenceTokens

BATCH, MULTIPLE = 8, 128
"""Texts of a pass, and what their lengths are rounded up to: few shapes are compiled."""


def text_nats(params: Parameters, config: GatoConfig, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Of each text [n - 1] minus the logarithm of the probability of every token but the first, among all pieces.

    Args:
        texts: ids of pieces, at least two each and at most as many as the window holds.

    Raises:
        SetupError: a model that reads no mixed sequences.
    """
    params, order = jax.device_put(params), sorted(range(len(texts)), key=lambda one: len(texts[one]))
    found: dict[int, np.ndarray] = {}
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        length = -(-len(texts[rows[-1]]) // MULTIPLE) * MULTIPLE
        nats = np.asarray(_nats(params, _batch([texts[row] for row in rows], length, config), config=config))
        found.update({row: nats[place, : len(texts[row]) - 1] for place, row in enumerate(rows)})
    return [found[row] for row in range(len(texts))]


def _batch(texts: Sequence[Sequence[int]], length: int, config: GatoConfig) -> SequenceTokens:
    ids, size = np.full((BATCH, length), PAD, np.int32), config.patch_size
    count = np.array([*map(len, texts), *[0] * (BATCH - len(texts))], np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    known = np.arange(length) < count[:, None]
    return SequenceTokens(
        ids,
        np.where(known, np.arange(length), NOWHERE).astype(np.int32),
        known,
        count,
        np.zeros((BATCH, 0, size, size, 3), np.uint8),
        np.zeros((BATCH, 0), np.int32),
        np.zeros((BATCH, 0, 2, 2), np.int32),
    )


@partial(jax.jit, static_argnames="config")
def _nats(params: Any, tokens: SequenceTokens, *, config: GatoConfig) -> Any:
    logits, rows, _ = mixed_targets(params, config, tokens, text_only=True)
    # A row of another kind, the padding's, is outside and is cut off by the caller.
    rows = jnp.minimum(rows, logits.shape[-1] - 1)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), rows[..., None], -1)[..., 0]
