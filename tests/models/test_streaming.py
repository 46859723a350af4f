from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.models import streaming
from gato_ros.models.gato import sequence_features
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import continuous_rows
from gato_ros.models.presets import PRESETS
from gato_ros.models.recompute import RecomputedStep
from gato_ros.models.tokenizer import StepTokens, tokenize

STEPS = 24


def stream(params, config, layout, tokens):
    """Logits [steps actions bins] and ids [steps actions] of a streamed episode."""
    memory, relative = streaming.empty_memory(config, layout), streaming.relative_keys(params, config, layout)
    step = jax.jit(partial(streaming.stream_step, config=config, layout=layout))
    rng = jax.random.key(0)
    logits, ids, last = [], [], 32000
    for i in range(STEPS):
        frame = StepTokens(tokens.patches[i], tokens.ids[i])
        output, memory = step(params, relative, memory, frame, last, i, rng)
        logits.append(output.logits)
        ids.append(np.asarray(output.action_ids))
        last = ids[-1][-1]
    return np.asarray(logits), np.stack(ids)


@pytest.fixture(scope="module")
def episode(embodiment, observations, fresh):
    config = PRESETS["debug"]
    layout = token_layout(embodiment, config)
    tokens = tokenize(layout, observations(config.observation_keys, (STEPS,)))
    return fresh(config, layout, 0, 0.1), config, layout, tokens


def test_streaming_equals_a_full_forward_with_a_banded_mask(episode):
    """Over six turns of the ring: every key is there as long as the window needs it, and no longer."""
    params, config, layout, tokens = episode
    assert STEPS * layout.step_tokens >= 5 * streaming.ring_slots(config, layout)
    logits, ids = stream(params, config, layout, tokens)
    whole = StepTokens(tokens.patches[None], tokens.ids[None])
    features = jax.jit(sequence_features, static_argnums=(1, 2))(params, config, layout, whole, ids[None])
    predicting = features[0, :, layout.observation_tokens:-1]
    full = np.asarray(predicting @ continuous_rows(config, params["table"]).T)
    assert full.std() > 0.5
    np.testing.assert_allclose(logits, full, atol=1e-5 * np.abs(full).max())


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
    layout = token_layout(embodiment, config)
    slots = streaming.ring_slots(config, layout)
    assert slots % layout.step_tokens == 0 and slots >= 1024 + 152 - 1


def test_learned_positions_do_not_stream(episode):
    params, config, layout, _ = episode
    with pytest.raises(SetupError, match="learned"):
        streaming.relative_keys(params, replace(config, attention_positions="learned"), layout)


def test_recomputing_chooses_what_streaming_chooses(episode):
    """Both sides of `bench step` are the same policy as long as nothing has left the window."""
    params, config, layout, tokens = episode
    config = replace(config, context_tokens=3 * layout.step_tokens)
    _, ids = stream(params, config, layout, tokens)
    context = [StepTokens(tokens.patches[i], tokens.ids[i]) for i in range(3)]
    recomputed = RecomputedStep(params, config, layout)
    assert recomputed.steps == 3
    np.testing.assert_array_equal(recomputed.run(context, ids[:2]), ids[2])
