"""The arithmetic of the benches, against what XLA counts in code without loops."""

from dataclasses import replace
from functools import partial

import jax
import pytest

from gato_ros.models.analysis import roofline as machine
from gato_ros.models.analysis.flops import (
    core_parameters,
    one_pass_phases,
    recompute_phases,
    streaming_phases,
    training_operations,
)
from gato_ros.models.gato import forward_step, sequence_loss
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import count_parameters, flat_names, parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.precision import LAYER_MATRICES, PRECISIONS
from gato_ros.models.tokenizer import StepTokens

RATES = {"flops_32_per_s": 1e11, "flops_16_per_s": 2e11, "bytes_per_s": 1e10}


def shapes(layout, *lead):
    size = layout.patch_size
    return StepTokens(
        jax.ShapeDtypeStruct((*lead, layout.patches, size, size, 3), "uint8"),
        jax.ShapeDtypeStruct((*lead, layout.values), "int32"),
    )


def counted(function, *inputs):
    return jax.jit(function).lower(*inputs).cost_analysis()["flops"]


@pytest.mark.parametrize("name", ["sawyer_small", "gato_79m"])
def test_one_pass_has_the_operations_that_xla_counts(embodiment, name):
    config = replace(PRESETS[name], action_decoding="one_pass", context_tokens=None, rematerialise=False, layers=2)
    layout = token_layout(embodiment.spec, config)
    function = lambda params, tokens: forward_step(params, config, layout, tokens)
    (phase,) = one_pass_phases(config, layout)
    xla = counted(function, parameter_shapes(config, layout), shapes(layout, 1))
    assert phase.products + phase.attention == pytest.approx(xla, rel=0.06)


def test_a_gradient_has_the_operations_that_xla_counts(embodiment):
    config = replace(PRESETS["gato_79m"], context_tokens=320, rematerialise=False, layers=2)
    layout = token_layout(embodiment.spec, config)
    ids = jax.ShapeDtypeStruct((3, 2, layout.actions), "int32")
    gradient = jax.grad(partial(sequence_loss), argnums=0)
    xla = counted(
        lambda params, tokens, ids: gradient(params, config, layout, tokens, ids),
        parameter_shapes(config, layout),
        shapes(layout, 3, 2),
        ids,
    )
    assert training_operations(config, layout, 3, 2) == pytest.approx(xla, rel=0.08)


@pytest.mark.parametrize("name", ["gato_1_18b", "gato_364m", "gato_79m", "debug"])
def test_the_core_is_counted_from_the_shapes(embodiment, name):
    config = PRESETS[name]
    flat = flat_names(parameter_shapes(config, token_layout(embodiment.spec, config)))
    layers = {key: leaf for key, leaf in flat.items() if key.split("/")[-1] in LAYER_MATRICES}
    assert core_parameters(config) == count_parameters(layers)


def test_streaming_reads_the_weights_once_per_phase(embodiment):
    """The paper's size: 1.2 G weights in bfloat16 at 3.35 TB/s are 0.7 ms a decode, and memory is read besides."""
    config = PRESETS["gato_1_18b"]
    layout = token_layout(embodiment.spec, config)
    prefill, decode = streaming_phases(config, layout, "bfloat16")
    h100 = {"flops_32_per_s": 67e12, "flops_16_per_s": 990e12, "bytes_per_s": 3.35e12}
    assert decode.times == 4 and 0.6e-3 < decode.least_s(h100) / decode.times < 0.9e-3
    assert 0.3e12 < prefill.products + prefill.attention < 0.45e12
    for precision in PRECISIONS:
        assert streaming_phases(config, layout, precision)[1].bytes <= 2.1 * decode.bytes


def test_recomputing_costs_five_passes(embodiment):
    config = PRESETS["gato_79m"]
    layout = token_layout(embodiment.spec, config)
    (phase,) = recompute_phases(config, layout, 6)
    streamed = sum(part.least_s(RATES) for part in streaming_phases(config, layout))
    assert phase.times == 5 and phase.least_s(RATES) > 10 * streamed


def test_rates_are_those_of_a_machine():
    rates = machine.measured_rates(128, 2)
    assert set(rates) == set(RATES) and min(rates.values()) > 1e6
    assert machine.device_name() == "cpu"
