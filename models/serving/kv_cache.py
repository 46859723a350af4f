# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""What the layers remember of the tokens so far: a slot of keys and values for each, and the pass that fills them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.modules.attention import DistanceKeys, KnownDistanceKeys, split_heads
from gato_ros.models.modules.network import Gato
from gato_ros.models.modules.positions import sinusoids
from gato_ros.models.serving.kv_cache_attention import PositionKeys, attend_slots
from gato_ros.models.serving.precision import least_rows


class Memory(NamedTuple):
    """Keys and values by slot."""

    keys: tuple[Array, ...]
    """Per layer [heads slots size]."""
    values: tuple[Array, ...]


def empty(config: GatoConfig, slots: int) -> Memory:
    """Slots that nothing was written to; whoever reads must mask them."""
    shape = (config.heads, slots, config.head_size)
    zeros = lambda: tuple(jnp.zeros(shape, config.compute) for _ in range(config.layers))  # noqa: E731
    return Memory(zeros(), zeros())


def position_keys(model: Gato, slots: int) -> tuple[PositionKeys, ...] | None:
    """Per layer the codes of all distances; they depend on weights only. None for a model without positions."""
    config = model.config
    codes = sinusoids(np.arange(slots - 1, -1, -1), config.width)

    def projected(distances: DistanceKeys | KnownDistanceKeys) -> PositionKeys:
        once = jnp.asarray(distances(codes)).swapaxes(0, 1).astype(config.compute)
        # Not in the prefill's bfloat16: XLA would make float32 of all of it in every call, 38 MiB that fault.
        return PositionKeys(once, jnp.concatenate([once, once], 1))

    of_layers = (block.attention.distances for block in model.transformer.layers)
    return tuple(projected(distances) for distances in of_layers if distances is not None) or None


def advance(
    model: Gato,
    relative: tuple[PositionKeys, ...] | None,
    memory: Memory,
    x: Float[Array, "1 length width"],
    start: Any,
    mask: Bool[Array, "length slots"],
    outputs: int | None = None,
) -> tuple[Float[Array, "1 outputs width"], Memory]:
    """Normed features of new tokens whose keys go to the slots from `start`, and the memory with them.

    Args:
        mask: True where a new token (row) sees a slot.
        outputs: only the last so many tokens are read; None: all. Behind the keys and values of the last layer nothing
            is computed for the others: of a step's observation only the separator is read.
    """
    keys, values, x, length = list(memory.keys), list(memory.values), x[0], x.shape[1]
    for i, block in enumerate(model.transformer.layers):
        last = i == model.config.layers - 1 and outputs is not None
        kept = max(outputs or length, min(length, least_rows(model.config.compute))) if last else length
        normed = block.norm_attention(x)
        query, key, value = (_heads_first(model.config, part) for part in block.attention.projections(normed, kept))
        keys[i] = jax.lax.dynamic_update_slice_in_dim(keys[i], key.astype(keys[i].dtype), start, 1)
        values[i] = jax.lax.dynamic_update_slice_in_dim(values[i], value.astype(values[i].dtype), start, 1)
        codes = None if relative is None else relative[i]
        own = start + length - kept
        x = x[-kept:] + attend_slots(block.attention, query, keys[i], values[i], mask[-kept:], codes, own)
        x = x + block.feed_forward(block.norm_feed_forward(x))
    x = x[-(outputs or length) :]
    return model.transformer.final_norm(x)[None], Memory(tuple(keys), tuple(values))


def _heads_first(config: GatoConfig, x: Float[Array, "length inner"]) -> Float[Array, "heads length size"]:
    return split_heads(config, x).swapaxes(0, 1)
