"""The model's weights as a plain nested dict of float32 arrays, and how they start."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import BINS, TokenLayout
from gato_ros.models.modules.layers import Start
from gato_ros.models.serving.compilation import require_device
from gato_ros.models.state import Parameters, flat_names, weights_of
from gato_ros.models.table import fourier_rows

__all__ = ["Parameters", "count_parameters", "flat_names", "init", "parameter_shapes"]

_DRAWN = (
    *("table", "patch_row", "patch_column", "local_position", "action_position"),
    *("stem", "convolution", "merge"),
    *("query", "key", "value", "output", "feed_forward_in", "feed_forward_out", "relative"),
    *("final", "early", "patch"),
)
"""What names of a section begin with, in the order in which a seed's numbers go to its arrays."""


def count_parameters(parameters: Any) -> int:
    """How many numbers are in a tree of arrays or of `jax.eval_shape` results."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(parameters))


def parameter_shapes(config: GatoConfig, layout: TokenLayout) -> Parameters:
    """The tree that `init` would make, as shapes; allocates nothing.

    Raises:
        SetupError: JAX finds no device.
    """
    require_device()
    flat = flat_names(weights_of(config, layout))
    return unflatten_dict({name: weight.array for name, weight in flat.items()}, sep="/")


def init(rng: Array, config: GatoConfig, layout: TokenLayout) -> Parameters:
    """Fresh parameters: embedding tables, the stem if there are images, layers, last norm, auxiliary heads if any.

    Raises:
        SetupError: JAX finds no device.
    """
    require_device()
    keys, weights = jax.random.split(rng, config.layers + 3), weights_of(config, layout)
    sections = ("stem", "layers", "final_norm", "auxiliary")
    parameters = _draw({name: weight for name, weight in weights.items() if name not in sections}, keys[0])
    if config.continuous_rows == "fourier":
        rows = slice(config.text_rows, config.text_rows + BINS)
        parameters["table"] = parameters["table"].at[rows].set(fourier_rows(config.width))
    if "stem" in weights:
        parameters["stem"] = _draw(weights["stem"], keys[1])
    parameters["layers"] = {name: _draw(layer, keys[3 + int(name)]) for name, layer in weights["layers"].items()}
    parameters["final_norm"] = _draw(weights["final_norm"], keys[2])
    if config.auxiliary:
        parameters["auxiliary"] = _draw(weights["auxiliary"], jax.random.fold_in(keys[2], 1))
    return parameters


def _draw(weights: dict[str, Any], rng: Array) -> Parameters:
    starts = {name: weight.start for name, weight in flat_names(weights).items()}
    return unflatten_dict(_draw_flat(tuple(sorted(starts.items(), key=_turn)), rng), sep="/")


def _turn(start: tuple[str, Start]) -> tuple[int, str]:
    turns = [i for i, beginning in enumerate(_DRAWN) if start[0].startswith(beginning)]
    return (min(turns, default=len(_DRAWN)), start[0])


@partial(jax.jit, static_argnums=0)
def _draw_flat(starts: tuple[tuple[str, Start], ...], rng: Array) -> Parameters:
    # One draw for all arrays: a generator per array costs seconds of compilation.
    sizes = [int(np.prod(start.shape)) if start.scale else 0 for _, start in starts]
    numbers = jnp.split(jax.random.normal(rng, (sum(sizes),), jnp.float32), np.cumsum(sizes)[:-1])
    return {
        name: start.scale * part.reshape(start.shape)
        if start.scale
        else jnp.full(start.shape, start.value, jnp.float32)
        for (name, start), part in zip(starts, numbers)
    }
