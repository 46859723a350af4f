"""Names in weight files and places in the NNX module are one to one, in every form that parameters are served in."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import safetensors
from flax import nnx

from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.policy_source import robot_for
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import flat_names, parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.control_step import with_position_keys
from gato_ros.models.serving.precision import Quantised, on_gpu, serving
from gato_ros.models.shipped import PARAMETERS_FILE, shipped_policies
from gato_ros.models.state import file_name, merge
from gato_ros.models.weights import weights_config


def numbered(config, layout):
    """Parameters of the right shapes, every array full of a number of its own."""
    leaves, tree = jax.tree.flatten(parameter_shapes(config, layout))
    return jax.tree.unflatten(tree, [np.full(leaf.shape, i, np.float32) for i, leaf in enumerate(leaves)])


def named(model):
    """What is in a module, by the names in weight files."""
    return {file_name(place): weight.array for place, weight in nnx.to_flat_state(nnx.split(model)[1])}


@pytest.mark.parametrize(
    ("preset", "change"),
    [
        ("debug", {}),
        ("debug_one_pass", {}),
        ("debug_one_pass", {"patch_auxiliary": ("a", "b")}),
        ("debug", {"attention_positions": "none", "action_positions": "distinct"}),
    ],
)
def test_split_gives_what_was_merged_by_the_same_names(embodiment, preset, change):
    config = replace(PRESETS[preset], **change)
    params = numbered(config, token_layout(embodiment.spec, config))
    found = named(merge(params, config))
    assert set(found) == set(flat_names(params))
    assert all(found[name] is value for name, value in flat_names(params).items())


def test_each_name_is_at_its_place(embodiment):
    config = PRESETS["debug_one_pass"]
    params = numbered(replace(config, attention_positions="relative"), token_layout(embodiment.spec, config))
    model = merge(params, replace(config, attention_positions="relative"))
    block = list(model.transformer.layers)[1]
    for name, weight in (
        ("table", model.embedding.table),
        ("stem/merge/bias", model.embedding.stem.merge.bias),
        ("final_norm/scale", model.transformer.final_norm.scale),
        ("layers/01/key", block.attention.projections.key.kernel),
        ("layers/01/position_bias", block.attention.position_bias),
        ("layers/01/norm_feed_forward/bias", block.norm_feed_forward.bias),
        ("layers/01/feed_forward_out", block.feed_forward.contract.kernel),
        ("auxiliary/final/norm/scale", model.auxiliary.final.norm.scale),
    ):
        assert weight.array is flat_names(params)[name]


def test_served_forms_have_places(embodiment):
    """Matrices in eight bits, one matrix for queries, keys and values, and position keys that are known before."""
    config = replace(PRESETS["debug_one_pass"], attention_positions="relative", step_attention="causal").deployed()
    layout = token_layout(embodiment.spec, config)
    params, served = serving(numbered(config, layout), config, "int8")
    known = with_position_keys(params, served, layout.step_tokens)
    for form in (params, on_gpu(params), known):
        found = named(merge(form, served))
        assert set(found) == set(flat_names(form))
    block = next(iter(merge(params, served).transformer.layers))
    assert isinstance(block.attention.output.kernel.array, Quantised)


def test_what_is_too_much_is_left_out_and_what_is_missing_is_named(embodiment):
    config = PRESETS["debug_one_pass"]
    params = numbered(config, token_layout(embodiment.spec, config))
    short = replace(config, layers=1, auxiliary_early_layer=0, patch_auxiliary=()).deployed()
    assert not {name for name in named(merge(params, short)) if name.startswith(("layers/01", "auxiliary"))}
    del params["layers"]["01"]["value"]
    with pytest.raises(KeyError, match="layers/01/value"):
        merge(params, config)


@pytest.mark.parametrize("folder", shipped_policies(), ids=lambda folder: folder.name)
def test_shipped_files_hold_the_names_of_the_module(folder):
    config, robot = weights_config(folder), load_embodiment(robot_for(str(folder)))
    shapes = flat_names(parameter_shapes(config, token_layout(robot.spec, config)))
    with safetensors.safe_open(folder / PARAMETERS_FILE, "numpy") as file:
        assert {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()} == {  # noqa: SIM118
            name: shape.shape for name, shape in shapes.items()
        }
