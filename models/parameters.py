# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""The model's weights: a plain nested dict of float32 arrays, and how they start."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from jaxtyping import Float

from gato_ros.models.array import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import BINS, CONTINUOUS_START, PAD, PATCH_POSITIONS, SEPARATOR, TABLE_MULTIPLE, TokenLayout
from gato_ros.models.tokenizer import bin_centre

Parameters = dict[str, Any]
LOCAL_POSITIONS = 512
"""Rows of the local observation positions ("in practice a large value like 512", App. C.3)."""


def table_rows(config: GatoConfig) -> int:
    """Rows of the shared table: text and discrete ids, 1024 bins, separator, pad; rounded up."""
    rows = config.text_rows + (PAD + 1 - CONTINUOUS_START)
    return -(-rows // TABLE_MULTIPLE) * TABLE_MULTIPLE


def table_row(config: GatoConfig, ids: Any) -> Any:
    """The table's row of each id; a robot-only table has no rows for most text pieces."""
    return jnp.where(ids < CONTINUOUS_START, ids, ids - CONTINUOUS_START + config.text_rows)


def continuous_rows(config: GatoConfig, table: Float[Array, "rows width"]) -> Float[Array, "bins width"]:
    """The rows of the 1024 bins: the only ones that an action may be."""
    return table[config.text_rows:config.text_rows + BINS]


def separator_row(config: GatoConfig, table: Float[Array, "rows width"]) -> Float[Array, "width"]:
    return table[config.text_rows + SEPARATOR - CONTINUOUS_START]


def count_parameters(parameters: Any) -> int:
    """How many numbers are in a tree of arrays or of `jax.eval_shape` results."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(parameters))


def parameter_shapes(config: GatoConfig, layout: TokenLayout) -> Parameters:
    """The tree that `init` would make, as shapes; allocates nothing."""
    return jax.eval_shape(lambda rng: init(rng, config, layout), jax.random.key(0))


def flat_names(parameters: Parameters) -> dict[str, Any]:
    """The tree as {"layers/00/query": leaf, ...}, the names in weight files."""
    return flatten_dict(parameters, sep="/")


def init(rng: Array, config: GatoConfig, layout: TokenLayout) -> Parameters:
    """Fresh parameters: embedding tables, the stem, the layers, the last norm, and auxiliary heads if any."""
    draw = _Draw(rng)
    width, embedding_scale = config.width, config.width**-0.5
    table = draw.normal((table_rows(config), width), embedding_scale)
    if config.continuous_rows == "fourier":
        table = table.at[config.text_rows:config.text_rows + BINS].set(_fourier(width))
    shared = config.action_positions == "shared"
    parameters: Parameters = {
        "table": table,
        "patch_row": draw.normal((PATCH_POSITIONS, width), embedding_scale),
        "patch_column": draw.normal((PATCH_POSITIONS, width), embedding_scale),
        "local_position": draw.normal((max(LOCAL_POSITIONS, layout.observation_tokens + 1), width), embedding_scale),
        "action_position": jnp.zeros((1, width)) if shared else draw.normal((layout.actions, width), embedding_scale),
        "stem": _stem(draw, config) if config.stem else _patch_block(draw, config),
        "layers": {f"{i:02d}": _layer(draw, config) for i in range(config.layers)},
        "final_norm": _norm(width),
    }
    if config.attention_positions == "learned":
        length = config.context_tokens or layout.step_tokens
        parameters["sequence_position"] = draw.normal((length, width), embedding_scale)
    if config.auxiliary:
        names = ("final", "early") if config.auxiliary_early_layer else ("final",)
        parameters["auxiliary"] = {name: {"norm": _norm(width), **draw.dense(width, len(config.auxiliary), 0.1)}
                                   for name in names}
    return parameters


class _Draw:
    """Random arrays from one key, a new sub-key for each."""

    def __init__(self, rng: Array):
        self._rng, self._count = rng, 0

    def normal(self, shape: tuple[int, ...], scale: float) -> Array:
        self._count += 1
        return scale * jax.random.normal(jax.random.fold_in(self._rng, self._count), shape, jnp.float32)

    def matrix(self, inputs: int, outputs: int, gain: float = 1.0) -> Array:
        return self.normal((inputs, outputs), gain * inputs**-0.5)

    def dense(self, inputs: int, outputs: int, gain: float = 1.0) -> Parameters:
        return {"kernel": self.matrix(inputs, outputs, gain), "bias": jnp.zeros(outputs)}

    def convolution(self, kernel: int, inputs: int, outputs: int, gain: float = 1.4) -> Parameters:
        scale = gain * (kernel * kernel * inputs) ** -0.5
        return {"kernel": self.normal((kernel, kernel, inputs, outputs), scale), "bias": jnp.zeros(outputs)}


def _norm(width: int) -> Parameters:
    return {"scale": jnp.ones(width), "bias": jnp.zeros(width)}


def _fourier(width: int) -> Float[np.ndarray, "bins width"]:
    """Unit rows sin and cos of the bin centre, from a quarter of a turn to 64 turns over [-1, 1]."""
    turns = np.geomspace(0.125, 32.0, width // 2)
    phase = 2 * np.pi * turns * bin_centre(np.arange(BINS))[:, None]
    rows = np.zeros((BINS, width), np.float32)
    rows[:, :2 * len(turns)] = np.concatenate([np.sin(phase), np.cos(phase)], -1) * len(turns) ** -0.5
    return rows


def _layer(draw: _Draw, config: GatoConfig) -> Parameters:
    width, inner, half = config.width, config.heads * config.head_size, config.feed_forward // 2
    # Residual branches start small so that depth does not change the scale of the stream.
    out_gain = (2 * config.layers) ** -0.5
    layer = {
        "norm_attention": _norm(width),
        "query": draw.matrix(width, inner),
        "key": draw.matrix(width, inner),
        "value": draw.matrix(width, inner),
        "output": draw.matrix(inner, width, out_gain),
        "norm_feed_forward": _norm(width),
        "feed_forward_in": draw.matrix(width, config.feed_forward),
        "feed_forward_out": draw.matrix(half, width, out_gain),
    }
    if config.attention_positions == "relative":
        layer["relative"] = draw.matrix(width, inner)
        layer["content_bias"] = jnp.zeros((config.heads, config.head_size))
        layer["position_bias"] = jnp.zeros((config.heads, config.head_size))
    return layer


def _patch_block(draw: _Draw, config: GatoConfig) -> Parameters:
    channels, cells = config.patch_block_channels, (config.patch_size // 4) ** 2
    return {
        "stem": draw.convolution(3, 3, channels, gain=config.patch_size**0.5),
        "norm_1": _norm(channels), "convolution_1": draw.convolution(3, channels, channels),
        "norm_2": _norm(channels), "convolution_2": draw.convolution(3, channels, channels, gain=0.3),
        "merge": draw.dense(cells * channels, config.width, 0.2),
    }


def _stem(draw: _Draw, config: GatoConfig) -> Parameters:
    stem, inputs = {}, 3
    for i, layer in enumerate(config.stem):
        # The first kernel undoes the division of the pixels by sqrt(patch size).
        gain = config.patch_size**0.5 if i == 0 else 1.4
        stem[f"convolution_{i}"] = draw.convolution(layer.kernel, inputs, layer.channels, gain)
        inputs = layer.channels
    cells = (config.patch_size // config.stem_stride) ** 2
    stem["merge"] = draw.dense(cells * inputs, config.width, 0.2)
    return stem
