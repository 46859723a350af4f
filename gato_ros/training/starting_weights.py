"""Weights to start a training from, in place of random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError
from gato_ros.models.config import GatoConfig
from gato_ros.models.parameters import Parameters
from gato_ros.models.weights import load_weights

MAY_DIFFER = {
    "action_decoding",
    "attention_positions",
    "context_tokens",
    "dropout",
    "step_attention",
    "stochastic_depth",
}
"""What weights to start from may do in another way, how they attend and what is left out while training: it changes no
shape of what both have."""


def different(found: GatoConfig, model: GatoConfig) -> list[str]:
    """The names of what keeps `found` from being a start for `model`; none: it is one."""
    has, wanted = found.to_dict(), model.deployed().to_dict()
    return [key for key, value in wanted.items() if key not in MAY_DIFFER and has.get(key) != value]


def starting_weights(folder: Path, model: GatoConfig, contract: Contract) -> Parameters:
    """The parameters in `folder`, or of the shipped policy of that name.

    Raises:
        SetupError: they are those of another model, by more than MAY_DIFFER, or no weights.
    """
    weights = load_weights(folder, contract)
    if names := different(weights.config, model):
        raise SetupError(
            expected=f"--init with weights of the model to train in {folder}",
            got=f"another {', '.join(names)}",
            fix="choose the --preset and --observe of those weights",
        )
    return weights.params


def taken_over(params: Any, initial: Any) -> Any:
    """`params` with every leaf that `initial` has. Where it has none, layers start without what the leaf would do
    (relative positions: no score), and auxiliary heads stay fresh."""
    fresh, given = flatten_dict(params), flatten_dict(initial)
    return unflatten_dict(
        {
            name: jnp.asarray(given[name]) if name in given else jnp.zeros_like(leaf) if name[0] == "layers" else leaf
            for name, leaf in fresh.items()
        }
    )
