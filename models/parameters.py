# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""The model's weights: a plain nested dict of float32 arrays, and how they start."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import BINS, CONTINUOUS_START, PAD, PATCH_POSITIONS, SEPARATOR, TABLE_MULTIPLE, TokenLayout
from gato_ros.models.serving.compilation import require_device
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
    return table[config.text_rows : config.text_rows + BINS]


def separator_row(config: GatoConfig, table: Float[Array, "rows width"]) -> Float[Array, " width"]:
    return table[config.text_rows + SEPARATOR - CONTINUOUS_START]


def count_parameters(parameters: Any) -> int:
    """How many numbers are in a tree of arrays or of `jax.eval_shape` results."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(parameters))


def parameter_shapes(config: GatoConfig, layout: TokenLayout) -> Parameters:
    """The tree that `init` would make, as shapes; allocates nothing.

    Raises:
        SetupError: JAX finds no device.
    """
    require_device()
    return jax.eval_shape(lambda rng: init(rng, config, layout), jax.random.key(0))


def flat_names(parameters: Parameters) -> dict[str, Any]:
    """The tree as {"layers/00/query": leaf, ...}, the names in weight files."""
    return flatten_dict(parameters, sep="/")


def init(rng: Array, config: GatoConfig, layout: TokenLayout) -> Parameters:
    """Fresh parameters: embedding tables, the stem if there are images, layers, last norm, auxiliary heads if any.

    Raises:
        SetupError: JAX finds no device.
    """
    require_device()
    keys = jax.random.split(rng, config.layers + 3)
    parameters = _draw(_embedding(config, layout), keys[0])
    if config.continuous_rows == "fourier":
        rows = slice(config.text_rows, config.text_rows + BINS)
        parameters["table"] = parameters["table"].at[rows].set(_fourier(config.width))
    if layout.patches:
        parameters["stem"] = _draw(_stem(config) if config.stem else _patch_block(config), keys[1])
    parameters["layers"] = {f"{i:02d}": _draw(_layer(config), keys[3 + i]) for i in range(config.layers)}
    parameters["final_norm"] = _draw(_norm(config.width), keys[2])
    if config.auxiliary:
        parameters["auxiliary"] = _draw(_auxiliary(config), jax.random.fold_in(keys[2], 1))
    return parameters


class _Start(NamedTuple):
    """How one array starts: normal numbers of a scale, or all one value."""

    shape: tuple[int, ...]
    scale: float = 0.0
    value: float = 0.0


_Starts = dict[str, _Start]


def _draw(starts: _Starts, rng: Array) -> Parameters:
    return unflatten_dict(_draw_flat(tuple(starts.items()), rng), sep="/")


@partial(jax.jit, static_argnums=0)
def _draw_flat(starts: tuple[tuple[str, _Start], ...], rng: Array) -> Parameters:
    # One draw for all arrays: a generator per array costs seconds of compilation.
    sizes = [int(np.prod(start.shape)) if start.scale else 0 for _, start in starts]
    numbers = jnp.split(jax.random.normal(rng, (sum(sizes),), jnp.float32), np.cumsum(sizes)[:-1])
    return {
        name: start.scale * part.reshape(start.shape) if start.scale else jnp.full(start.shape, start.value)
        for (name, start), part in zip(starts, numbers)
    }


def _named(prefix: str, starts: _Starts) -> _Starts:
    return {f"{prefix}/{name}": start for name, start in starts.items()}


def _norm(width: int) -> _Starts:
    return {"scale": _Start((width,), value=1.0), "bias": _Start((width,))}


def _matrix(inputs: int, outputs: int, gain: float = 1.0) -> _Start:
    return _Start((inputs, outputs), gain * inputs**-0.5)


def _dense(inputs: int, outputs: int, gain: float = 1.0) -> _Starts:
    return {"kernel": _matrix(inputs, outputs, gain), "bias": _Start((outputs,))}


def _convolution(kernel: int, inputs: int, outputs: int, gain: float = 1.4) -> _Starts:
    scale = gain * (kernel * kernel * inputs) ** -0.5
    return {"kernel": _Start((kernel, kernel, inputs, outputs), scale), "bias": _Start((outputs,))}


def _embedding(config: GatoConfig, layout: TokenLayout) -> _Starts:
    width, scale = config.width, config.width**-0.5
    actions = _Start((1, width)) if config.action_positions == "shared" else _Start((layout.actions, width), scale)
    return {
        "table": _Start((table_rows(config), width), scale),
        **(
            {name: _Start((PATCH_POSITIONS, width), scale) for name in ("patch_row", "patch_column")}
            if layout.patches
            else {}
        ),
        "local_position": _Start((max(LOCAL_POSITIONS, layout.observation_tokens + 1), width), scale),
        "action_position": actions,
    }


def _fourier(width: int) -> Float[np.ndarray, "bins width"]:
    """Unit rows sin and cos of the bin centre, from a quarter of a turn to 64 turns over [-1, 1]."""
    turns = np.geomspace(0.125, 32.0, width // 2)
    phase = 2 * np.pi * turns * bin_centre(np.arange(BINS))[:, None]
    rows = np.zeros((BINS, width), np.float32)
    rows[:, : 2 * len(turns)] = np.concatenate([np.sin(phase), np.cos(phase)], -1) * len(turns) ** -0.5
    return rows


def _layer(config: GatoConfig) -> _Starts:
    width, inner = config.width, config.heads * config.head_size
    # Residual branches start small so that depth does not change the scale of the stream.
    out_gain = (2 * config.layers) ** -0.5
    starts = {
        **_named("norm_attention", _norm(width)),
        "query": _matrix(width, inner),
        "key": _matrix(width, inner),
        "value": _matrix(width, inner),
        "output": _matrix(inner, width, out_gain),
        **_named("norm_feed_forward", _norm(width)),
        "feed_forward_in": _matrix(width, config.feed_forward),
        "feed_forward_out": _matrix(config.feed_forward // 2, width, out_gain),
    }
    if config.attention_positions == "relative":
        starts["relative"] = _matrix(width, inner)
        starts["content_bias"] = starts["position_bias"] = _Start((config.heads, config.head_size))
    return starts


def _auxiliary(config: GatoConfig) -> _Starts:
    head = {**_named("norm", _norm(config.width)), **_dense(config.width, len(config.auxiliary), 0.1)}
    early = _named("early", head) if config.auxiliary_early_layer else {}
    if config.patch_auxiliary:
        patch = {**_named("norm", _norm(config.width)), **_dense(config.width, len(config.patch_auxiliary), 0.1)}
        early = {**early, **_named("patch", patch)}
    return {**_named("final", head), **early}


def _patch_block(config: GatoConfig) -> _Starts:
    channels, cells = config.patch_block_channels, (config.patch_size // 4) ** 2
    return {
        **_named("stem", _convolution(3, 3, channels, config.patch_size**0.5)),
        **_named("norm_1", _norm(channels)),
        **_named("convolution_1", _convolution(3, channels, channels)),
        **_named("norm_2", _norm(channels)),
        **_named("convolution_2", _convolution(3, channels, channels, 0.3)),
        **_named("merge", _dense(cells * channels, config.width, 0.2)),
    }


def _stem(config: GatoConfig) -> _Starts:
    starts, inputs = {}, 3
    for i, layer in enumerate(config.stem):
        # The first kernel undoes the division of the pixels by sqrt(patch size).
        gain = config.patch_size**0.5 if i == 0 else 1.4
        starts |= _named(f"convolution_{i}", _convolution(layer.kernel, inputs, layer.channels, gain))
        inputs = layer.channels
    cells = (config.patch_size // config.stem_stride) ** 2
    return starts | _named("merge", _dense(cells * inputs, config.width, 0.2))
