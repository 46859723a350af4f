"""Weights to start a training from, in place of random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.parameters import Parameters, init
from gato_ros.models.weights import Weights, load_weights, weights_config

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


@dataclass(frozen=True)
class StepNames:
    """A step's tokens, and what its values are called: enough to find the same ones in the step of another robot."""

    layout: TokenLayout
    observations: tuple[str, ...]
    """Of each of `layout.items` a name that both robots use: of a camera its place among the cameras, else its
    source."""
    actions: tuple[str, ...]
    """Of each action value, with its unit."""


def moved(model: GatoConfig, seed: int, given: Weights, had: StepNames, has: StepNames) -> Parameters:
    """Weights of another robot as a start: `given`, with the rows of places in a step where this robot has them.

    Rows of a value or an action that the other robot lacks are drawn. Where only this model knows text, its words and
    their places are zero: they disturb least what the weights do, and a word that no training sees adds nothing. Every
    other leaf has the shape that it had, for it depends on the model alone.
    """
    fresh, initial = init(jax.random.key(seed), model, has.layout), given.params
    old, new = (dict(zip(one.observations, one.layout.items)) for one in (had, has))
    out = {**flatten_dict(fresh), **flatten_dict(initial)}
    words = model.text_rows - given.config.text_rows
    if words:
        table = jnp.zeros_like(fresh["table"])
        out["table",] = _with_rows(table, initial["table"], given.config.text_rows, model.text_rows)
    local, places = fresh["local_position"], initial["local_position"]
    for name, item in new.items():
        if name in old and old[name].tokens == item.tokens:
            first = old[name].first
            local = local.at[item.first : item.first + item.tokens].set(places[first : first + item.tokens])
        elif words and item.kind == "text":
            local = local.at[item.first : item.first + item.tokens].set(0.0)
    actions, places = fresh["action_position"], initial["action_position"]
    if len(actions) == len(has.actions):
        for place, name in enumerate(has.actions):
            if name in had.actions:
                actions = actions.at[place].set(places[had.actions.index(name)])
    else:  # one row for all of them
        actions = places
    out["local_position",], out["action_position",] = local, actions
    return unflatten_dict(out)


def grown_weights(
    folder: Path, contracts: Sequence[Contract], model: GatoConfig, layout: TokenLayout, seed: int
) -> Parameters:
    """The weights in `folder`, made for one of `contracts`, as a generalist that starts with what they do (`grown`).

    A generalist's need not be made for any of them: its parameters have the same shapes for all.

    Raises:
        SetupError: they are made for none of them, or cannot grow into this model.
    """
    refusals = []
    for contract in (None,) if weights_config(folder).generalist else contracts:
        try:
            weights = load_weights(folder, contract)
        except SetupError as error:
            refusals.append(error)
            continue
        return grown(init(jax.random.key(seed), model, layout), weights.params, weights.config, model)
    raise refusals[0]


def grown(fresh: Parameters, initial: Parameters, found: GatoConfig, model: GatoConfig) -> Parameters:
    """A generalist that does what weights of one spec did, and has room for more.

    Rows of the table move to where the larger vocabulary has them, layers beyond those of `initial` add nothing at
    first, and what the weights lack stays as it is in `fresh`.

    Raises:
        SetupError: another width, stem or head, or more layers than the model has.
    """
    may_differ = {*MAY_DIFFER, "layers", "text_rows", "vocabulary", "generalist", "temperature"}
    may_differ |= {"observation_keys", "uncropped", "single_steps"}
    names = [name for name in different(found, model) if name not in may_differ]
    if names or found.layers > model.layers or found.text_rows > model.text_rows:
        raise SetupError(
            expected="weights of the generalist's width, stem and heads, with no more layers and rows",
            got=f"another {', '.join(names) or 'number of layers or rows'}",
            fix="choose other weights to start from",
        )
    given, out = flatten_dict(initial), {}
    for name, leaf in flatten_dict(fresh).items():
        known = given.get(name)
        if name == ("table",):
            out[name] = _with_rows(leaf, known, found.text_rows, model.text_rows)
        elif known is None:
            beyond = name[0] == "layers" and int(name[1]) >= found.layers
            # A branch whose last matrix is zero adds nothing, and learns: the matrices before it are not.
            out[name] = jnp.zeros_like(leaf) if beyond and name[-1] in ("output", "feed_forward_out") else leaf
        elif known.shape == leaf.shape:
            out[name] = jnp.asarray(known)
        else:
            out[name] = leaf.at[: known.shape[0]].set(known)
    return unflatten_dict(out)


def _with_rows(table: jax.Array, given: jax.Array, had: int, has: int) -> jax.Array:
    """A table of `has` text rows with the rows of one of `had`: those of text, and those of numbers behind them."""
    table = table.at[:had].set(given[:had])
    return table.at[has : has + given.shape[0] - had].set(given[had:])


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
