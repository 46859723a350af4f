# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Attention of new tokens to remembered slots.

Heads come first and there is no batch: every product is a plain batch of matrices, and a CPU copies no slots for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from gato_ros.models.array import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.embedding import product
from gato_ros.models.parameters import Parameters
from gato_ros.models.transformer import MASKED, einsum, fused, skew

SCORES_AT_ONCE = 2**19
"""On a CPU more are computed some heads at a time: they stay in its cache, and in memory that malloc keeps. Blocks
above 32 MiB it takes from the system anew in every call; the page faults alone were a sixth of a control step."""


def attend_slots(layer: Parameters, config: GatoConfig, queries: Float[Array, "heads length size"],
                 keys: Float[Array, "heads slots size"], values: Float[Array, "heads slots size"],
                 mask: Bool[Array, "length slots"], relative: Float[Array, "heads slots size"] | None,
                 start: Any) -> Float[Array, "length width"]:
    """Masked multi-head attention and its output matrix, for tokens whose own slots begin at `start`.

    Args:
        relative: projected codes of the distances slots-1 .. 0; None where only content counts.
    """
    content, biased = queries, None
    if relative is not None:
        content, biased = (queries + layer[name][:, None] for name in ("content_bias", "position_bias"))
    heads, mix = (content, biased, keys, values, relative), partial(_mix, config, mask, start)
    count = _heads_at_once(config, *mask.shape)
    mixed = mix(heads) if count == config.heads else _in_turns(mix, heads, count)
    return product(config, mixed.swapaxes(0, 1).reshape(queries.shape[1], -1), layer["output"])


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
    content, biased, keys, values, relative = heads
    added = None if relative is None else _relative_scores(config, start, biased, relative)
    if config.attention == "fused":
        lengths_first = (x.swapaxes(0, 1)[None] for x in (content, keys, values))
        return fused(config, *lengths_first, mask, None if added is None else added[None])[0].swapaxes(0, 1)
    scores = einsum(config, "hqs,hks->hqk", content, keys)
    if added is not None:
        scores = scores + added
    weights = jax.nn.softmax(jnp.where(mask, scores * config.head_size**-0.5, MASKED), -1)
    return einsum(config, "hqk,hks->hqs", weights, values)


def _relative_scores(config: GatoConfig, start: Any, queries: Float[Array, "heads length size"],
                     relative: Float[Array, "heads slots size"]) -> Float[Array, "heads length slots"]:
    """By slot: of the distances (start + row - slot) modulo the slots."""
    length, slots = queries.shape[1], relative.shape[1]
    scored = partial(einsum, config, "hqs,hds->hqd", queries)

    def turned(x: Array, axis: int) -> Array:
        return jax.lax.dynamic_slice_in_dim(jnp.concatenate([x, x], axis), slots - start - length, slots + length - 1,
                                            axis)

    # Either may be turned to where the tokens begin; the scores of few rows are smaller than the codes.
    scores = turned(scored(relative), 2) if length < config.head_size else scored(turned(relative, 1))
    return scores if length == 1 else skew(scores, length - 1, slots)
