# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Masked multi-head attention with relative positions (Gato section 2.3, App. C.1; Dai et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.modules.layers import Linear, einsum, weight
from gato_ros.models.modules.positions import position_scores, skew

MASKED = -1e30
LONG, ROWS = 160, 96
"""A causal sequence of more tokens than LONG is attended in blocks of about ROWS queries."""


class QueryKeyValue(nnx.Module):
    """The three projections of a token."""

    def __init__(self, config: GatoConfig):
        inner = config.heads * config.head_size
        self.query = Linear(config, config.width, inner)
        self.key = Linear(config, config.width, inner)
        self.value = Linear(config, config.width, inner)

    def __call__(self, x: Array, queries: int | None = None) -> Sequence[Float[Array, "... inner"]]:
        """`queries`: only the last so many tokens ask; None: all."""
        return [self.query(x if queries is None else x[..., -queries:, :]), self.key(x), self.value(x)]


class JoinedQueryKeyValue(nnx.Module):
    """The same as one matrix, as a GPU is served (serving/precision.py)."""

    def __init__(self, config: GatoConfig):
        self.query_key_value = Linear(config, config.width, 3 * config.heads * config.head_size)

    def __call__(self, x: Array, queries: int | None = None) -> Sequence[Float[Array, "... inner"]]:
        query, key, value = jnp.split(self.query_key_value(x), 3, -1)
        return [query if queries is None else query[..., -queries:, :], key, value]


class DistanceKeys(nnx.Module):
    """What the queries meet of each distance: a projection of its sinusoids."""

    def __init__(self, config: GatoConfig):
        self.config = config
        self.relative = Linear(config, config.width, config.heads * config.head_size)

    def __call__(self, codes: Any) -> Float[Array, "distances heads size"]:
        return split_heads(self.config, self.relative(codes))


class KnownDistanceKeys(nnx.Module):
    """The same of a fixed length, computed before: they depend on the weights only."""

    def __init__(self, config: GatoConfig, distances: int):
        self.position_keys = weight(distances, config.heads, config.head_size)

    def __call__(self, codes: Any) -> Float[Array, "distances heads size"]:
        return self.position_keys.array


class Attention(nnx.Module):
    """Every token asks the tokens before it, by what they hold and by how far away they are."""

    def __init__(self, config: GatoConfig):
        inner = config.heads * config.head_size
        self.config = config
        self.projections: QueryKeyValue | JoinedQueryKeyValue = QueryKeyValue(config)
        relative = config.attention_positions == "relative"
        self.distances: DistanceKeys | KnownDistanceKeys | None = DistanceKeys(config) if relative else None
        if relative:
            self.content_bias, self.position_bias = (weight(config.heads, config.head_size) for _ in range(2))
        # Residual branches start small so that depth does not change the scale of the stream.
        self.output = Linear(config, inner, config.width, (2 * config.layers) ** -0.5)

    def __call__(
        self,
        x: Float[Array, "batch length width"],
        mask: Bool[Array, "length length"] | Bool[Array, "batch 1 length length"],
        codes: np.ndarray | None,
        outputs: int,
    ) -> Float[Array, "batch outputs width"]:
        """What the last `outputs` tokens get; `codes` are those of `distance_codes`."""
        queries, keys, values = (split_heads(self.config, part) for part in self.projections(x))
        queries = queries[:, -outputs:]
        relative = None if self.distances is None else self.distances(codes)
        if self._in_blocks(outputs, x.shape[1]):
            # A block of queries sees nothing behind its last one: half of the scores are never made.
            ends = np.linspace(0, outputs, 1 + -(-outputs // ROWS)).astype(int)
            blocks = [
                self._mix(
                    queries[:, a:b],
                    keys[:, :b],
                    values[:, :b],
                    mask[..., a:b, :b],
                    None if relative is None else relative[-b:],
                )
                for a, b in zip(ends, ends[1:])
            ]
            mixed = jnp.concatenate(blocks, 1)
        else:
            mixed = self._mix(queries, keys, values, mask[..., -outputs:, :], relative)
        return self.output(mixed.reshape(*mixed.shape[:2], -1))

    def _in_blocks(self, outputs: int, length: int) -> bool:
        """A backend's own kernel knows by itself what is masked."""
        causal = self.config.step_attention == "causal" and self.config.attention != "fused"
        return causal and outputs == length > LONG

    def _mix(self, queries: Array, keys: Array, values: Array, mask: Any, relative: Any) -> Array:
        """Of the queries, which are the newest tokens of the memory; `relative` [distances heads size] from the
        furthest down to 0."""
        content, scores = queries, None
        if relative is not None:
            content = queries + self.content_bias.array
            scores = position_scores(self.config, queries + self.position_bias.array, relative)
            scores = skew(scores, queries.shape[1] - 1, keys.shape[1])
        attend = fused if self.config.attention == "fused" else plain
        return attend(self.config, content, keys, values, mask, scores)


def split_heads(config: GatoConfig, x: Array) -> Float[Array, "... heads size"]:
    return x.reshape(*x.shape[:-1], config.heads, config.head_size)


def plain(
    config: GatoConfig, queries: Array, keys: Array, values: Array, mask: Any, added: Array | None
) -> Float[Array, "batch length heads size"]:
    """Values [batch memory heads size], weighted; `added` [batch heads length memory] to the scores before they are
    scaled."""
    scores = einsum(config, "bqhs,bkhs->bhqk", queries, keys)
    if added is not None:
        scores = scores + added
    weights = jax.nn.softmax(jnp.where(mask, scores * config.head_size**-0.5, MASKED), -1)
    return einsum(config, "bhqk,bkhs->bqhs", weights, values)


def fused(
    config: GatoConfig, queries: Array, keys: Array, values: Array, mask: Any, added: Array | None
) -> Float[Array, "batch length heads size"]:
    """As `plain`, by the backend's own kernel."""
    on_gpu = jax.default_backend() == "gpu"
    dtype, scale = jnp.bfloat16 if on_gpu else jnp.dtype(config.compute), config.head_size**-0.5
    bias = None if added is None else (added * scale).astype(dtype)
    mask = jnp.reshape(mask, (1,) * (4 - np.ndim(mask)) + np.shape(mask))
    mixed = jax.nn.dot_product_attention(
        queries.astype(dtype),
        keys.astype(dtype),
        values.astype(dtype),
        bias,
        mask,
        scale=scale,
        implementation="cudnn" if on_gpu else "xla",
    )
    return mixed.astype(jnp.float32)
