# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Tokens to vectors (Gato section 2.2, Appendix C.2 and C.3)."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.parameters import Parameters, separator_row, table_row
from gato_ros.models.serving.precision import OutputsFirst, Quantised, multiply
from gato_ros.models.tokenizer import StepTokens

NORM_EPSILON = 1e-5


def embed_observation(
    params: Parameters, config: GatoConfig, layout: TokenLayout, tokens: StepTokens, rng: Array | None = None
) -> Float[Array, "batch tokens width"]:
    """Vectors of the observation tokens of a batch of steps, and of the separator after them.

    Args:
        tokens: patches [batch patches size size 3] and ids [batch values].
        rng: given while training: patch positions are drawn from their interval (App. C.3) instead of its mean.
    """
    parts = []
    if layout.patches:
        patches = embed_patches(params["stem"], config, layout, normalise_pixels(config, tokens.patches))
        parts.append(patches + patch_positions(params, layout, patches.shape[0], rng))
    if layout.values:
        parts.append(params["table"][table_row(config, tokens.ids)])
    observation = jnp.concatenate(parts, 1)
    if layout.order is not None:
        observation = observation[:, layout.order]
    count = layout.observation_tokens
    observation = observation + params["local_position"][:count]
    separator = separator_row(config, params["table"])
    if config.separator_position == "local":
        separator = separator + params["local_position"][count]
    separator = jnp.broadcast_to(separator, (observation.shape[0], 1, config.width))
    return jnp.concatenate([observation, separator], 1)


def embed_actions(
    params: Parameters, config: GatoConfig, ids: Int[Array, "batch actions"], first: Any = 0
) -> Float[Array, "batch actions width"]:
    """Vectors of action tokens that the model may look at (autoregressive decoding), from the step's `first` one on."""
    positions = params["action_position"]
    if config.action_positions == "distinct":
        positions = jax.lax.dynamic_slice_in_dim(positions, first, ids.shape[1])
    return params["table"][table_row(config, ids)] + positions


def action_queries(
    params: Parameters, config: GatoConfig, layout: TokenLayout, batch: int
) -> Float[Array, "batch actions width"]:
    """Vectors of zeroed action inputs: only their position is left."""
    return jnp.broadcast_to(params["action_position"], (batch, layout.actions, config.width))


def normalise_pixels(config: GatoConfig, patches: Any) -> Float[Array, "batch patches size size 3"]:
    """Pixels 0..255 to [-1, 1], then divided by the square root of the patch size (section 2.1)."""
    return (jnp.asarray(patches).astype(jnp.float32) / 127.5 - 1.0) * config.patch_size**-0.5


def patch_positions(
    params: Parameters, layout: TokenLayout, batch: int, rng: Array | None
) -> Float[Array, "one_or_batch patches width"]:
    """Row code plus column code of every patch."""
    intervals = layout.patch_intervals
    if rng is None:
        index = np.floor(intervals.mean(-1)).astype(np.int32)[None]
    else:
        low, high = intervals[..., 0], intervals[..., 1]
        index = jax.random.randint(rng, (batch, *low.shape), low, high)
    return patch_codes(params, index)


def patch_codes(params: Parameters, index: Int[Array, "batch patches 2"]) -> Float[Array, "batch patches width"]:
    """Row code plus column code."""
    return params["patch_row"][index[..., 0]] + params["patch_column"][index[..., 1]]


def embed_patches(
    stem: Parameters, config: GatoConfig, layout: TokenLayout, pixels: Float[Array, "batch patches size size 3"]
) -> Float[Array, "batch patches width"]:
    """One vector per patch: by convolutions over the whole image, or by the paper's block inside each patch."""
    if not config.stem:
        return patch_block(stem, config, pixels)
    parts, start = [], 0
    # Images of one size go through the convolutions as one batch.
    for grid, group in itertools.groupby(layout.images, layout.grid):
        count = sum(item.tokens for item in group)
        parts.append(_convolutional_stem(stem, config, grid, pixels[:, start : start + count]))
        start += count
    return jnp.concatenate(parts, 1)


def _convolutional_stem(stem: Parameters, config: GatoConfig, grid: tuple[int, int], pixels: Array) -> Array:
    batch, patches, size = pixels.shape[:3]
    rows, columns = grid
    x = pixels.reshape(-1, rows, columns, size, size, 3).swapaxes(2, 3).reshape(-1, rows * size, columns * size, 3)
    for i, layer in enumerate(config.stem):
        margin = layer.kernel - layer.stride
        padding = (margin // 2, margin - margin // 2)
        x = jax.nn.gelu(_convolve(stem[f"convolution_{i}"], config, x, layer.stride, padding))
    cells = size // config.stem_stride
    x = x.reshape(-1, rows, cells, columns, cells, x.shape[-1]).swapaxes(2, 3).reshape(batch, patches, -1)
    return dense(stem["merge"], config, x)


def patch_block(
    stem: Parameters, config: GatoConfig, pixels: Float[Array, "batch patches size size 3"]
) -> Float[Array, "batch patches width"]:
    """v2 ResNet block: stem 3x3/2, then twice GroupNorm-GELU-3x3 with identity skip, 2x2 mean, linear (App. C.2)."""
    batch, patches, size = pixels.shape[:3]
    x = _convolve(stem["stem"], config, pixels.reshape(-1, size, size, 3), 2, (0, 1))
    branch = x
    for i in (1, 2):
        branch = jax.nn.gelu(group_norm(stem[f"norm_{i}"], branch, config.group_norm_groups))
        branch = _convolve(stem[f"convolution_{i}"], config, branch, 1, (1, 1))
    x = x + branch
    quarter = size // 4
    x = x.reshape(-1, quarter, 2, quarter, 2, x.shape[-1]).mean((2, 4))
    return dense(stem["merge"], config, x.reshape(batch, patches, -1))


def _convolve(layer: Parameters, config: GatoConfig, x: Array, stride: int, padding: tuple[int, int]) -> Array:
    x, kernel = x.astype(config.compute), layer["kernel"].astype(config.compute)
    y = jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), [padding, padding], dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y.astype(jnp.float32) + layer["bias"]


def dense(layer: Parameters, config: GatoConfig, x: Array) -> Float[Array, "..."]:
    """x @ kernel + bias in the config's precision; float32 out."""
    return product(config, x, layer["kernel"]) + layer["bias"]


def product(config: GatoConfig, x: Array, kernel: Array | Quantised | OutputsFirst) -> Float[Array, "..."]:
    """x @ kernel in the precision of the config, or of the kernel if that is less; float32 out."""
    # Rows in one axis: the gradient of a product with two batch axes takes twice as long on a CPU.
    y = multiply(x.reshape(-1, x.shape[-1]), kernel, config.compute)
    return y.reshape(*x.shape[:-1], y.shape[-1])


def layer_norm(layer: Parameters, x: Array) -> Float[Array, "..."]:
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + NORM_EPSILON) * layer["scale"] + layer["bias"]


def group_norm(layer: Parameters, x: Array, groups: int) -> Float[Array, "..."]:
    """Normalises [batch height width channels] over space and the channels of each group."""

    def mean(y: Array) -> Array:
        # Over space first: a CPU takes three times as long for a mean over both ends of the shape at once.
        by_group = y.mean((-3, -2), keepdims=True).reshape(*y.shape[:-3], 1, 1, groups, -1).mean(-1)
        return jnp.repeat(by_group, y.shape[-1] // groups, -1)

    centred = x - mean(x)
    normal = centred * jax.lax.rsqrt(mean(jnp.square(centred)) + NORM_EPSILON)
    return normal * layer["scale"] + layer["bias"]
