"""Every precision is the same policy, up to its rounding; and a single bfloat16 row is never multiplied alone."""

import re
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.models.gato import forward_step, sequence_features, sequence_loss
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import flat_names
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving import precision as precisions
from gato_ros.models.serving import streaming
from gato_ros.models.serving.control_step import with_position_keys
from gato_ros.models.serving.precision import (
    PRECISIONS,
    ColumnBlocks,
    Quantised,
    column_blocks,
    multiply,
    on_cpu,
    on_gpu,
    quantised,
    serving,
)
from gato_ros.models.tokenizer import StepTokens, tokenize

STEPS = 5


# Once: what is compiled for one test serves the next.
one_pass = jax.jit(forward_step, static_argnums=(1, 2))
stream_step = jax.jit(streaming.stream_step, static_argnames=("config", "layout"))


def logits(params, config, layout, tokens):
    if config.action_decoding == "one_pass":
        return np.asarray(one_pass(params, config, layout, tokens).action_logits)
    step = partial(stream_step, config=config, layout=layout)
    memory, relative = streaming.empty_memory(config, layout), streaming.relative_keys(params, config, layout)
    out = []
    for i in range(STEPS):
        # The last action is given: a likeliest bin that another precision turns over would lead elsewhere.
        output, memory = step(
            params, relative, memory, StepTokens(tokens.patches[i], tokens.ids[i]), 32500, i, jax.random.key(0)
        )
        out.append(output.logits[0])
    return np.stack(out)


@pytest.fixture(scope="module", params=["debug", "debug_one_pass"])
def model(request, embodiment, observations, fresh):
    config = PRESETS[request.param]
    layout = token_layout(embodiment.spec, config)
    tokens = tokenize(layout, observations(config.observation_keys, (STEPS,)))
    params = {name: value for name, value in fresh(config, layout, 0, 0.1).items() if name != "auxiliary"}
    return params, config, layout, tokens, logits(params, config, layout, tokens)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_precision_is_the_same_policy_up_to_rounding(model, precision):
    params, config, layout, tokens, exact = model
    found = logits(*serving(params, config, precision), layout, tokens)
    error = np.abs(found - exact).max() / exact.std()
    assert error == 0 if precision == "float32" else 1e-5 < error < (0.25 if precision == "int8" else 0.1)


def test_what_each_precision_keeps_in_memory(model):
    params, config, *_ = model
    for precision, bytes_of_a_number in (("float32", 4), ("bfloat16_weights", 2), ("bfloat16", 2), ("int8", 1)):
        served, _ = serving(params, config, precision)
        matrix = served["layers"]["00"]["query"]
        assert (
            jnp.dtype((matrix.values if isinstance(matrix, Quantised) else matrix).dtype).itemsize == bytes_of_a_number
        )
        assert served["local_position"].dtype == served["layers"]["00"]["norm_attention"]["scale"].dtype == np.float32
    mixed, _ = serving(params, config, "mixed")
    if config.action_decoding == "autoregressive":
        assert mixed["layers"] is params["layers"]
        assert mixed["prefill"]["layers"]["01"]["value"].dtype == jnp.bfloat16


def test_eight_bits_are_the_nearest_ones():
    matrix = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) * np.geomspace(1e-3, 1e3, 6)
    small = quantised(matrix)
    assert small.values.dtype == jnp.int8 and np.abs(small.values).max(0).tolist() == [127] * 6
    assert (np.abs(small.values * small.scale - matrix) <= 0.5001 * np.asarray(small.scale)).all()


@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_on_a_cpu_few_bfloat16_rows_are_padded_to_four_in_the_compiled_code(rows):
    """XLA must not undo it: one row alone runs ten times slower."""
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(rows, 64)).astype(np.float32), rng.normal(size=(64, 128))
    compiled = jax.jit(multiply, static_argnums=2).lower(x, jnp.asarray(kernel, jnp.bfloat16), "float32").compile()
    dots = re.findall(r"= \w+\[([\d,]+)\]\S* dot\(", compiled.as_text())
    assert dots == [f"{max(rows, 4)},128"]
    np.testing.assert_allclose(compiled(x, jnp.asarray(kernel, jnp.bfloat16)), x @ kernel, atol=0.3)


@pytest.fixture(params=["relative", "none"])
def packed(request, embodiment, observations, fresh):
    """Parameters, config, layout, tokens and action ids of two sequences that are longer than the window."""
    config = replace(PRESETS["debug"], attention_positions=request.param)
    layout = token_layout(embodiment.spec, config)
    tokens = tokenize(layout, observations(config.observation_keys, (2, 4)))
    return fresh(config, layout, 0, 0.1), config, layout, tokens, np.full((2, 4, layout.actions), 32500)


def test_fused_attention_is_attention(packed):
    """The mask is a band and the relative scores a bias; on a GPU cuDNN takes the same arguments."""
    params, config, layout, tokens, ids = packed
    run = jax.jit(sequence_features, static_argnums=(1, 2))
    plain, fused = (
        run(params, replace(config, attention=attention), layout, tokens, ids) for attention in ("plain", "fused")
    )
    assert 4 * layout.step_tokens > config.context_tokens
    np.testing.assert_allclose(fused, plain, atol=1e-5 * np.abs(plain).max())


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_what_a_gpu_is_served_is_the_same_policy(model, precision):
    params, config, layout, tokens, _ = model
    served, config = serving(params, config, precision)
    arranged = on_gpu(served)
    layer = arranged["layers"]["00"]
    assert not {"query", "key", "value"} & set(layer)
    three = config.heads * config.head_size * 3
    assert layer["query_key_value"].values.shape == (three, config.width)
    assert (layer["query_key_value"].scale is None) == (precision == "bfloat16")
    # Decodes of one row sum in another order, and what comes before them is rounded to bfloat16 by each.
    found, expected = (logits(one, config, layout, tokens) for one in (arranged, served))
    np.testing.assert_allclose(found, expected, atol=0.02 * expected.std())


@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_what_a_cpu_is_served_is_the_same_policy(model, precision, monkeypatch):
    monkeypatch.setattr(precisions, "LEAST_BLOCK", 64)
    params, config, layout, tokens, _ = model
    served, config = serving(params, config, precision)
    arranged = on_cpu(streaming.with_head(served, config, layout), 3)
    layer = arranged["layers"]["01"]
    split = {name for name, value in layer.items() if isinstance(value, ColumnBlocks)}
    found, expected = (logits(one, config, layout, tokens) for one in (arranged, served))
    whole = config.action_decoding == "one_pass" and precision == "mixed"  # all in bfloat16
    assert split == (set() if whole else {*precisions.LAYER_MATRICES} - {"relative"})
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_matrix_in_column_blocks_is_itself(monkeypatch):
    monkeypatch.setattr(precisions, "LEAST_BLOCK", 40)
    kernel = np.arange(70, dtype=np.float32).reshape(10, 7)
    for count, blocks in ((1, 1), (2, 2), (3, 3), (100, 7)):
        split = column_blocks(kernel, count)
        assert len(split.blocks if isinstance(split, ColumnBlocks) else [split]) == blocks
        np.testing.assert_array_equal(multiply(np.eye(10, dtype=np.float32), split, "float32"), kernel)
    assert column_blocks(kernel.astype(jnp.bfloat16), 2).shape == kernel.shape
    monkeypatch.undo()
    assert column_blocks(kernel, 2) is kernel


def test_position_keys_of_a_fixed_length_are_the_layers_own(embodiment, observations, fresh):
    config = replace(PRESETS["debug_one_pass"], attention_positions="relative", step_attention="causal")
    layout = token_layout(embodiment.spec, config)
    tokens, params = tokenize(layout, observations(config.observation_keys, (2,))), fresh(config, layout, 0, 0.1)
    known = with_position_keys(params, config, layout.step_tokens)
    assert "relative" not in known["layers"]["01"] and "relative" in params["layers"]["01"]
    found, expected = (one_pass(one, config, layout, tokens).action_logits for one in (known, params))
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    plain = replace(config, attention_positions="none")
    assert with_position_keys(params, plain, layout.step_tokens) is params


def test_gradients_in_bfloat16_are_those_of_float32_up_to_rounding(packed):
    params, config, layout, tokens, ids = packed
    gradient = jax.jit(jax.grad(sequence_loss), static_argnums=(1, 2))
    exact = gradient(params, config, layout, tokens, ids)
    for change in ({}, {"attention": "fused"}, {"rematerialise": True}):
        found = gradient(params, replace(config, compute="bfloat16", **change), layout, tokens, ids)
        for name, left in flat_names(exact).items():
            error = np.linalg.norm(flat_names(found)[name] - left) / (np.linalg.norm(left) + 1e-9)
            assert error < 0.05, (name, error)
    assert jax.tree.map(lambda leaf: leaf.dtype, found) == jax.tree.map(lambda leaf: leaf.dtype, params)


def test_an_unknown_precision_names_the_nearest(model):
    with pytest.raises(SetupError, match="did you mean 'bfloat16'"):
        serving(model[0], model[1], "bfloat61")
