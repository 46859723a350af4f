# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Attention of new tokens to remembered slots.

Heads come first and there is no batch: every product is a plain batch of matrices, and a CPU copies no slots for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.modules.attention import MASKED, Attention, fused
from gato_ros.models.modules.layers import einsum
from gato_ros.models.modules.positions import skew


class PositionKeys(NamedTuple):
    """Projected codes of the distances slots-1 .. 0 of one layer."""

    once: Array
    """[heads slots size]: for few tokens, whose scores are turned to where they begin."""
    twice: Array
    """[heads 2*slots size], one after the other: for many tokens, where turning is a slice of it."""


SCORES_AT_ONCE = 2**19
"""On a CPU more are computed some heads at a time: they stay in its cache, and in memory that malloc keeps. Blocks
above 32 MiB it takes from the system anew in every call; the page faults alone were a sixth of a control step."""


def attend_slots(
    attention: Attention,
    queries: Float[Array, "heads length size"],
    keys: Float[Array, "heads slots size"],
    values: Float[Array, "heads slots size"],
    mask: Bool[Array, "length slots"],
    relative: PositionKeys | None,
    start: Any,
) -> Float[Array, "length width"]:
    """Masked multi-head attention and its output matrix, for tokens whose own slots begin at `start`.

    Args:
        relative: None where only content counts.
    """
    config, content, biased, codes = attention.config, queries, None, None
    if relative is not None:
        content = queries + attention.content_bias.array[:, None]
        biased = queries + attention.position_bias.array[:, None]
        codes = relative.once if queries.shape[1] < config.head_size else relative.twice
    heads, mix = (content, biased, keys, values, codes), partial(_mix, config, mask, start)
    count = _heads_at_once(config, *mask.shape)
    mixed = mix(heads) if count == config.heads else _in_turns(mix, heads, count)
    return attention.output(mixed.swapaxes(0, 1).reshape(queries.shape[1], -1))


def _heads_at_once(config: GatoConfig, length: int, slots: int) -> int:
    """All of them on a GPU, which has the memory and wants large products."""
    turns = min(config.heads, -(-config.heads * length * slots // SCORES_AT_ONCE))
    return -(-config.heads // turns) if jax.default_backend() == "cpu" else config.heads


def _in_turns(mix: Callable[[tuple], Array], heads: tuple, count: int) -> Float[Array, "heads length size"]:
    """`mix` of `count` heads after the others; the last turn repeats some where the heads do not divide."""
    queries = heads[0]
    starts = np.minimum(np.arange(0, queries.shape[0], count), queries.shape[0] - count)

    def turn(mixed: Array, start: Array) -> tuple[Array, None]:
        some = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, count), heads)
        return jax.lax.dynamic_update_slice_in_dim(mixed, mix(some), start, 0), None

    return jax.lax.scan(turn, jnp.zeros(queries.shape, jnp.float32), starts)[0]


def _mix(config: GatoConfig, mask: Array, start: Any, heads: tuple) -> Float[Array, "heads length size"]:
    """Values of some heads, weighted."""
    content, biased, keys, values, codes = heads
    if config.attention == "fused":
        added = None if codes is None else _relative_scores(config, start, biased, codes, keys.shape[1])[None]
        queries, memory, weighted = (x.swapaxes(0, 1)[None] for x in (content, keys, values))
        return fused(config, queries, memory, weighted, mask, added)[0].swapaxes(0, 1)
    scores = einsum(config, "hqs,hks->hqk", content, keys)
    if codes is not None:
        scores = scores + _relative_scores(config, start, biased, codes, keys.shape[1])
    scores = jnp.where(mask, scores * config.head_size**-0.5, MASKED)
    shares = jnp.exp(scores - scores.max(-1, keepdims=True))
    # Divided by their sum are the values, not the shares: a tenth of the numbers or less.
    return einsum(config, "hqk,hks->hqs", shares, values) / shares.sum(-1, keepdims=True)


def _relative_scores(
    config: GatoConfig,
    start: Any,
    queries: Float[Array, "heads length size"],
    codes: Float[Array, "heads distances size"],
    slots: int,
) -> Float[Array, "heads length slots"]:
    """By slot: of the distances (start + row - slot) modulo the slots; `codes` as in PositionKeys."""
    length = queries.shape[1]

    def turned(twice: Array, axis: int) -> Array:
        return jax.lax.dynamic_slice_in_dim(twice, slots - start - length, slots + length - 1, axis)

    scored = partial(einsum, config, "hqs,hds->hqd", queries)
    if codes.shape[1] == slots:
        scores = scored(codes)
        scores = turned(jnp.concatenate([scores, scores], 2), 2)
    else:
        scores = scored(turned(codes, 1))
    if length == 1:
        return scores
    # Flat before the skew, which else is a division in each of its indices on a CPU.
    flat = jax.lax.optimization_barrier(scores.reshape(scores.shape[0], -1))
    return skew(flat.reshape(scores.shape), length - 1, slots)
