"""The arrays of a Gato by the names in weight files, and the NNX module that they belong to.

This is the one place that knows both. Outside, parameters are a plain nested dict by the names in weight files
({"layers": {"00": {"query": ...}}, ...}): what is trained, averaged, sharded, saved and served. Inside a compiled
function `merge` makes a module of them. That costs while a function is traced and nothing when it runs. It is the dict
that crosses the compiled seam, for on a CPU `nnx.jit` made a control step two to five times slower, and flax 0.12's
`nnx.State` 4 to 7 % (docs/explanation/architecture.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import GENERALIST_ACTIONS, TokenLayout
from gato_ros.models.modules.attention import JoinedQueryKeyValue, KnownDistanceKeys
from gato_ros.models.modules.layers import Weight
from gato_ros.models.modules.network import Gato

Parameters = dict[str, Any]
Place = tuple[str, ...]

_SECTIONS: dict[str, Place] = {
    "layers": ("transformer", "layers"),
    "final_norm": ("transformer", "final_norm"),
    "auxiliary": ("auxiliary",),
}
"""Where the sections of a file are in `Gato`; all others are in its embedding, by the same names."""

_BLOCK: dict[str, Place] = {
    "query": ("attention", "projections", "query", "kernel"),
    "key": ("attention", "projections", "key", "kernel"),
    "value": ("attention", "projections", "value", "kernel"),
    "query_key_value": ("attention", "projections", "query_key_value", "kernel"),
    "relative": ("attention", "distances", "relative", "kernel"),
    "position_keys": ("attention", "distances", "position_keys"),
    "content_bias": ("attention", "content_bias"),
    "position_bias": ("attention", "position_bias"),
    "output": ("attention", "output", "kernel"),
    "feed_forward_in": ("feed_forward", "expand", "kernel"),
    "feed_forward_out": ("feed_forward", "contract", "kernel"),
}
"""Where the arrays of a layer are in `Block`; its norms are there by the same names."""

_BLOCK_NAMES = {place: name for name, place in _BLOCK.items()}


def flat_names(parameters: Parameters) -> dict[str, Any]:
    """The tree as {"layers/00/query": leaf, ...}, the names in weight files."""
    return flatten_dict(parameters, sep="/")


def file_name(place: Place) -> str:
    """The name in weight files of the array at a place in `Gato`."""
    section = next((name for name, prefix in _SECTIONS.items() if place[: len(prefix)] == prefix), None)
    if section is None:
        return "/".join(place[1:])
    rest = place[len(_SECTIONS[section]) :]
    if section == "layers" and rest[1:] in _BLOCK_NAMES:
        rest = (rest[0], _BLOCK_NAMES[rest[1:]])
    return "/".join((section, *rest))


def weights_of(config: GatoConfig, layout: TokenLayout) -> dict[str, Any]:
    """The tree of `Weight`s that a Gato of this configuration learns: their shapes and how they start."""
    model = Gato(
        config,
        images=layout.patches > 0 or config.generalist,
        actions=GENERALIST_ACTIONS if config.generalist else layout.actions,
        observation_tokens=0 if config.generalist else layout.observation_tokens,
    )
    return unflatten_dict({file_name(place): weight for place, weight in _weights(model).items()}, sep="/")


def merge(params: Parameters, config: GatoConfig) -> Gato:
    """The module with these arrays in it: `nnx.merge`, in the form that the parameters have.

    Arrays that the configuration has no place for (heads of training, deeper layers) are left out.

    Raises:
        KeyError: an array that the configuration needs is not there.
    """
    layer = params["layers"]["00"]
    form = _Form("stem" in params, "auxiliary" in params, "query_key_value" in layer, "position_keys" in layer)
    graph, places = _graph(config, form)
    flat = flat_names(params)
    return nnx.merge(graph, nnx.from_flat_state({place: flat[name] for name, place in places.items()}))


class _Form(NamedTuple):
    """What parameters may have or lack under one configuration."""

    images: bool
    auxiliary: bool
    joined: bool
    known_positions: bool


@cache
def _graph(config: GatoConfig, form: _Form) -> tuple[nnx.GraphDef, dict[str, Place]]:
    """The structure of a module, which knows no shapes, and the place of each array."""
    config = config if form.auxiliary else config.deployed()
    model = Gato(config, images=form.images, actions=1, observation_tokens=1)
    for block in model.transformer.layers:
        if form.joined:
            block.attention.projections = JoinedQueryKeyValue(config)
        if form.known_positions:
            block.attention.distances = KnownDistanceKeys(config, 1)
    return nnx.split(model)[0], {file_name(place): place for place in _weights(model)}


def _weights(model: Gato) -> dict[Place, Weight]:
    return {tuple(map(str, place)): weight for place, weight in nnx.to_flat_state(nnx.split(model)[1])}
