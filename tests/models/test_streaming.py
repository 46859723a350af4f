import re
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from gato_ros.models.analysis.uncached_step import RecomputedStep
from gato_ros.models.gato import sequence_features
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving import kv_cache_attention, streaming
from gato_ros.models.table import continuous_rows
from gato_ros.models.tokenizer import StepTokens, tokenize

STEPS = 48
SETTINGS = {
    "the paper's": PRESETS["debug"],
    "the CPU preset's": replace(
        PRESETS["debug"], action_positions="distinct", continuous_encoding="range", stem=PRESETS["debug_one_pass"].stem
    ),
}

stream_step = jax.jit(streaming.stream_step, static_argnames=("config", "layout"))
absorb_step = jax.jit(streaming.absorb_step, static_argnames=("config", "layout"))


def stream(params, config, layout, tokens, absorbed=None):
    """Logits [steps actions bins] and ids [steps actions] of a streamed episode.

    The first steps take their actions from `absorbed` [n actions], as a prompt does; they have no logits.
    """
    ring, relative = streaming.empty_memory(config, layout), streaming.relative_keys(params, config, layout)
    step, absorb = (partial(one, config=config, layout=layout) for one in (stream_step, absorb_step))
    rng = jax.random.key(0)
    logits, ids, last = [], [], 32000
    for i in range(STEPS):
        frame = StepTokens(tokens.patches[i], tokens.ids[i])
        if absorbed is not None and i < len(absorbed):
            ring = absorb(params, relative, ring, frame, last, absorbed[i], i)
            last = absorbed[i][-1]
            continue
        output, ring = step(params, relative, ring, frame, last, i, rng)
        logits.append(output.logits)
        ids.append(np.asarray(output.action_ids))
        last = ids[-1][-1]
    return np.asarray(logits), np.stack(ids)


@pytest.fixture(scope="module", params=SETTINGS)
def each_episode(request, embodiment, observations, fresh):
    config = SETTINGS[request.param]
    layout = token_layout(embodiment.spec, config)
    tokens = tokenize(layout, observations(config.observation_keys, (STEPS,)))
    return fresh(config, layout, 0, 0.1), config, layout, tokens


@pytest.fixture(scope="module")
def episode(embodiment, observations, fresh):
    config = PRESETS["debug"]
    layout = token_layout(embodiment.spec, config)
    tokens = tokenize(layout, observations(config.observation_keys, (STEPS,)))
    return fresh(config, layout, 0, 0.1), config, layout, tokens


@pytest.mark.fault("M8")
def test_streaming_equals_a_full_forward_with_a_banded_mask(each_episode):
    """Over twelve turns of the ring: every key is there as long as the window needs it, and no longer."""
    params, config, layout, tokens = each_episode
    assert STEPS * layout.step_tokens >= 12 * streaming.ring_slots(config, layout)
    logits, ids = stream(params, config, layout, tokens)
    whole = StepTokens(tokens.patches[None], tokens.ids[None])
    features = jax.jit(sequence_features, static_argnums=(1, 2))(params, config, layout, whole, ids[None])
    predicting = features[0, :, layout.observation_tokens : -1]
    full = np.asarray(predicting @ continuous_rows(config, params["table"]).T)
    assert full.std() > 0.5
    np.testing.assert_allclose(logits, full, atol=1e-5 * np.abs(full).max())


@pytest.mark.parametrize("at_once", [1, 2])
def test_some_heads_after_the_others_are_all_heads_at_once(embodiment, observations, fresh, monkeypatch, at_once):
    """As a CPU computes the chunks of large models; three heads do not divide by two."""
    config = replace(PRESETS["debug"], heads=3)
    layout = token_layout(embodiment.spec, config)
    tokens = tokenize(layout, observations(config.observation_keys, (STEPS,)))
    params = fresh(config, layout, 0, 0.1)
    together, ids = stream(params, config, layout, tokens)
    scores = (layout.observation_tokens + 2) * streaming.ring_slots(config, layout)
    monkeypatch.setattr(kv_cache_attention, "SCORES_AT_ONCE", at_once * scores)
    # Dropout is for training only; but another model is compiled anew.
    apart, same_ids = stream(params, replace(config, dropout=0.1 * at_once), layout, tokens)
    np.testing.assert_allclose(apart, together, atol=1e-5 * np.abs(together).max())
    np.testing.assert_array_equal(same_ids, ids)


@pytest.fixture
def optimised():
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


def test_the_compiled_step_writes_into_the_ring(episode, optimised):
    """A copy of all keys and values in every decode would take longer than the decode."""
    params, config, layout, tokens = episode
    slots = streaming.ring_slots(config, layout)
    arguments = (
        params,
        streaming.relative_keys(params, config, layout),
        streaming.empty_memory(config, layout),
        StepTokens(tokens.patches[0], tokens.ids[0]),
        32000,
        0,
        jax.random.key(0),
    )
    lowered = jax.jit(partial(streaming.stream_step, config=config, layout=layout), donate_argnums=2).lower(*arguments)
    code = lowered.compile().as_text()
    keys = rf"= f32\[{config.heads},{slots},{config.head_size}\]\S*"
    assert len(re.findall(rf"{keys} parameter\(", code)) >= 2 * config.layers
    assert not re.findall(rf"{keys} (copy|transpose)\(", code)


def test_the_last_layer_computes_the_separator_alone(episode):
    """Of an observation nothing else is read: its other tokens leave their keys and values there, and no more."""
    params, config, layout, tokens = episode
    memory, relative = streaming.empty_memory(config, layout), streaming.relative_keys(params, config, layout)
    step = partial(streaming.stream_step, config=config, layout=layout)
    frame = StepTokens(tokens.patches[0], tokens.ids[0])
    code = str(jax.make_jaxpr(step)(params, relative, memory, frame, 32000, 0, jax.random.key(0)))
    chunk = layout.observation_tokens + 2
    assert len(re.findall(rf"f32\[{chunk},{config.feed_forward}\] = dot_general", code)) == config.layers - 1
    # Queries, keys, values, what attention gives and what the feed-forward gives: all as wide as the model.
    assert config.heads * config.head_size == config.width
    assert len(re.findall(rf"f32\[{chunk},{config.width}\] = dot_general", code)) == 5 * config.layers - 3


def test_the_compiled_step_cuts_no_head_out_of_the_table(episode, optimised):
    params, config, layout, tokens = episode
    arguments = (
        streaming.with_head(params, config, layout),
        streaming.relative_keys(params, config, layout),
        streaming.empty_memory(config, layout),
        StepTokens(tokens.patches[0], tokens.ids[0]),
        32000,
        0,
        jax.random.key(0),
    )
    code = jax.jit(partial(streaming.stream_step, config=config, layout=layout)).lower(*arguments).compile().as_text()
    assert f"f32[{config.width},1024]" in code
    assert not re.findall(rf"= f32\[{config.width},1024\]\S* (copy|transpose|fusion)\(", code)


def test_an_absorbed_prompt_equals_the_same_steps_streamed(episode):
    """Whatever the prompt's length, even beyond the ring: the steps after it see what they saw when it was lived."""
    params, config, layout, tokens = episode
    logits, ids = stream(params, config, layout, tokens)
    for length in (1, 7):
        after, chosen = stream(params, config, layout, tokens, ids[:length])
        np.testing.assert_allclose(after, logits[length:], atol=1e-5 * np.abs(logits).max())
        np.testing.assert_array_equal(chosen, ids[length:])


@pytest.mark.parametrize("step", [0, 3, 4, 5, 4001, 2**31 + 2])
def test_a_step_count_never_overflows(embodiment, step):
    config = PRESETS["debug"]
    layout = token_layout(embodiment.spec, config)
    blocks = streaming.ring_slots(config, layout) // layout.step_tokens
    place = streaming.same_place(config, layout, step)
    assert place < 2 * blocks and place % blocks == step % blocks and min(place, blocks) == min(step, blocks)


def test_a_ring_without_room_for_the_chunk_would_be_wrong(episode, monkeypatch):
    """The rule slots >= window + chunk - 1 is needed, not caution: one step fewer breaks the equality."""
    params, config, layout, tokens = episode
    config = replace(config, context_tokens=layout.step_tokens * 3)
    right, _ = stream(params, config, layout, tokens)
    slots = streaming.ring_slots(config, layout)
    monkeypatch.setattr(streaming, "ring_slots", lambda *_: slots - layout.step_tokens)
    wrong, _ = stream(params, config, layout, tokens)
    assert np.abs(wrong - right).max() > 1e-3


def test_ring_of_the_paper(embodiment):
    config = PRESETS["gato_79m"]
    layout = token_layout(embodiment.spec, config)
    slots = streaming.ring_slots(config, layout)
    assert slots % layout.step_tokens == 0 and slots >= 1024 + 152 - 1


def test_recomputing_chooses_what_streaming_chooses(episode):
    """Both sides of `bench step` are the same policy as long as nothing has left the window."""
    params, config, layout, tokens = episode
    config = replace(config, context_tokens=3 * layout.step_tokens)
    _, ids = stream(params, config, layout, tokens)
    context = [StepTokens(tokens.patches[i], tokens.ids[i]) for i in range(3)]
    recomputed = RecomputedStep(params, config, layout)
    assert recomputed.steps == 3
    np.testing.assert_array_equal(recomputed.run(context, ids[:2]), ids[2])
