# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Tokens to vectors (Gato section 2.2, Appendix C.2 and C.3)."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import LOCAL_POSITIONS, PATCH_POSITIONS, TokenLayout
from gato_ros.models.modules.layers import weight
from gato_ros.models.modules.patches import ConvolutionalStem, PatchBlock, normalise_pixels
from gato_ros.models.table import separator_row, table_row, table_rows
from gato_ros.models.tokenizer import StepTokens


class Embedding(nnx.Module):
    """One table for all tokens, one block for all patches, and the positions that are added."""

    def __init__(self, config: GatoConfig, *, images: bool, actions: int, observation_tokens: int):
        """`images`: whether there is anything to see; `actions`, `observation_tokens`: of a control step."""
        width, scale = config.width, config.width**-0.5
        self.config = config
        self.table = weight(table_rows(config), width, scale=scale)
        if images:
            self.patch_row, self.patch_column = (weight(PATCH_POSITIONS, width, scale=scale) for _ in range(2))
        self.local_position = weight(max(LOCAL_POSITIONS, observation_tokens + 1), width, scale=scale)
        shared = config.action_positions == "shared"
        self.action_position = weight(1, width) if shared else weight(actions, width, scale=scale)
        self.stem = (ConvolutionalStem if config.stem else PatchBlock)(config) if images else None

    def observation(
        self, layout: TokenLayout, tokens: StepTokens, rng: Array | None = None
    ) -> Float[Array, "batch tokens width"]:
        """Vectors of the observation tokens of a batch of steps, and of the separator after them.

        Args:
            tokens: patches [batch patches size size 3] and ids [batch values].
            rng: given while training: patch positions are drawn from their interval (App. C.3) instead of its mean.
        """
        parts, table, local = [], self.table.array, self.local_position.array
        if layout.patches:
            patches = self.patches(layout, normalise_pixels(self.config, tokens.patches))
            parts.append(patches + self.patch_codes(patch_index(layout, patches.shape[0], rng)))
        if layout.values:
            parts.append(table[table_row(self.config, tokens.ids)])
        observation = jnp.concatenate(parts, 1)
        if layout.order is not None:
            observation = observation[:, layout.order]
        count = layout.observation_tokens
        observation = observation + local[:count]
        separator = separator_row(self.config, table)
        if self.config.separator_position == "local":
            separator = separator + local[count]
        separator = jnp.broadcast_to(separator, (observation.shape[0], 1, self.config.width))
        return jnp.concatenate([observation, separator], 1)

    def actions(self, ids: Int[Array, "batch actions"], first: Any = 0) -> Float[Array, "batch actions width"]:
        """Vectors of action tokens that the model may look at (autoregressive decoding), from the step's `first` one
        on."""
        positions = self.action_position.array
        if self.config.action_positions == "distinct":
            positions = jax.lax.dynamic_slice_in_dim(positions, first, ids.shape[1])
        return self.table.array[table_row(self.config, ids)] + positions

    def action_queries(self, layout: TokenLayout, batch: int) -> Float[Array, "batch actions width"]:
        """Vectors of zeroed action inputs: only their position is left."""
        positions = self.action_position.array
        if self.config.action_positions == "distinct":
            positions = positions[: layout.actions]
        return jnp.broadcast_to(positions, (batch, layout.actions, self.config.width))

    def patches(
        self, layout: TokenLayout, pixels: Float[Array, "batch patches size size 3"]
    ) -> Float[Array, "batch patches width"]:
        """One vector per patch: by convolutions over the whole image, or by the paper's block inside each patch."""
        if self.stem is None:
            raise ValueError("these parameters have no stem: their model sees no images")
        if isinstance(self.stem, PatchBlock):
            return self.stem(pixels)
        parts, start = [], 0
        # Images of one size go through the convolutions as one batch.
        for grid, group in itertools.groupby(layout.images, layout.grid):
            count = sum(item.tokens for item in group)
            parts.append(self.stem(grid, pixels[:, start : start + count]))
            start += count
        return jnp.concatenate(parts, 1)

    def patch_codes(self, index: Int[Array, "batch patches 2"]) -> Float[Array, "batch patches width"]:
        """Row code plus column code."""
        return self.patch_row.array[index[..., 0]] + self.patch_column.array[index[..., 1]]


def patch_index(layout: TokenLayout, batch: int, rng: Array | None) -> Int[Array, "one_or_batch patches 2"]:
    """Row and column of every patch in its intervals: the rounded mean, or drawn while training."""
    low, high = (layout.patch_intervals[..., i] for i in (0, 1))
    if rng is None:
        return mean_index(low, high, np)[None]
    return jax.random.randint(rng, (batch, *low.shape), low, high)


def mean_index(low: Any, high: Any, arrays: Any) -> Any:
    """The rounded mean of half-open intervals, a half upwards, and never their end; `arrays` is numpy or jax.numpy."""
    return arrays.minimum((low + high + 1) // 2, arrays.maximum(high - 1, low))
