"""Weights to start a training from, in place of random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.models.config import GatoConfig
from gato_ros.models.parameters import Parameters
from gato_ros.models.weights import load_weights

HOW_IT_ATTENDS = {"context_tokens", "action_decoding", "step_attention", "attention_positions", "stochastic_depth"}
"""What weights to start from may do in another way: it changes no shape of what both have."""


def starting_weights(folder: Path, model: GatoConfig, embodiment: Embodiment) -> Parameters:
    """The parameters in `folder`.

    Raises:
        SetupError: they are those of another model, by more than HOW_IT_ATTENDS, or no weights.
    """
    weights = load_weights(folder, embodiment)
    found = weights.config.to_dict()
    different = [
        key
        for key, value in model.deployed().to_dict().items()
        if key not in HOW_IT_ATTENDS and found.get(key) != value
    ]
    if different:
        raise SetupError(
            expected=f"--init with weights of the model to train in {folder}",
            got=f"another {', '.join(different)}",
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
