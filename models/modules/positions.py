# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Relative positions of Transformer-XL (Dai et al. 2019): sinusoids of distances, their scores, and their skew."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.modules.layers import einsum


def distance_codes(config: GatoConfig, length: int) -> Float[np.ndarray, "distances width"] | None:
    """Sinusoids of the distances length-1 down to 0, and on to 1-length where a token sees later ones."""
    if config.attention_positions != "relative":
        return None
    last = -length if config.step_attention == "full" else -1
    return sinusoids(np.arange(length - 1, last, -1), config.width)


def sinusoids(positions: np.ndarray, width: int) -> Float[np.ndarray, "positions width"]:
    """[sin | cos] of the positions [tokens] at wavelengths from 2 pi to 20000 pi."""
    phase = positions[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(phase), np.cos(phase)], -1)[:, :width].astype(np.float32)


def position_scores(
    config: GatoConfig, queries: Float[Array, "batch length heads size"], relative: Float[Array, "distances heads size"]
) -> Float[Array, "batch heads length distances"]:
    if config.compute != "bfloat16":
        return einsum(config, "bqhs,dhs->bhqd", queries, relative)
    # One product for each sequence and head: of all sequences at once, a GPU would have to turn what comes out.
    each = jnp.broadcast_to(relative.swapaxes(0, 1), (queries.shape[0], *relative.swapaxes(0, 1).shape))
    scores = einsum(config, "bqhs,bhds->bhqd", queries, each)
    # Fused attention takes them in bfloat16 anyway: half as much to move on the way there.
    return scores.astype(jnp.bfloat16) if config.attention == "fused" else scores


def skew(
    x: Float[Array, "*batch length distances"], offset: int, columns: int
) -> Float[Array, "*batch length {columns}"]:
    """out[q, j] = x[q, j + offset - q], by padding and reshaping: no gather (Dai et al. 2019, App. B).

    Entries whose source lies outside the row are arbitrary and must be masked.
    """
    length, distances = x.shape[-2:]
    row = max(distances, columns + 1)
    flat = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, row - distances)]).reshape(*x.shape[:-2], length * row)
    missing = max(0, offset + length * (row - 1) - length * row)
    flat = jnp.pad(flat, [(0, 0)] * (flat.ndim - 1) + [(0, missing)])
    flat = flat[..., offset : offset + length * (row - 1)]
    return flat.reshape(*x.shape[:-2], length, row - 1)[..., :columns]
