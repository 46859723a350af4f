"""Actions that are integers: their own tokens, chosen among their own values only."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, StepSpec
from gato_ros.models.gato import init
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.tokenizer import decode, decode_actions, tokenize, tokenize_actions
from gato_ros.models.weights import save_weights
from gato_ros.training.step import action_errors

SPEC = StepSpec.of({"place": DiscreteSpec(9, 2)}, {"pedal": DiscreteSpec(3), "keys": DiscreteSpec(5, 2)})
CONTRACT = SpecContract("piano", SPEC)
ONE_PASS = replace(PRESETS["debug_one_pass"], observation_keys=("place",), text_rows=16, auxiliary=(), stem=())
STREAMING = replace(ONE_PASS, action_decoding="autoregressive", step_attention="causal", context_tokens=24)


def policy_of(config, seed=0, **more):
    return GatoPolicy(init(jax.random.key(seed), config, token_layout(SPEC, config)), config, CONTRACT, **more)


def test_a_value_is_its_own_token():
    layout = token_layout(SPEC, ONE_PASS)
    assert (layout.action_values, layout.action_start, layout.choices) == ((3, 5, 5), 0, 5)
    actions = np.array([[0, 4, 2], [2, 0, 1]])
    np.testing.assert_array_equal(tokenize_actions(layout, actions), actions)
    np.testing.assert_array_equal(decode_actions(layout, actions), actions)


@pytest.mark.parametrize("action", [[3, 0, 0], [0, 5, 0], [0, 0, -1], [0.5, 0, 0]])
def test_a_value_that_is_none_is_refused(action):
    layout = token_layout(SPEC, ONE_PASS)
    with pytest.raises(ValueError, match="integers below"):
        tokenize_actions(layout, np.array(action))
    if np.array(action).dtype != float:
        with pytest.raises(ValueError, match="action ids lie in"):
            decode_actions(layout, np.array(action))


@pytest.mark.parametrize("config", [ONE_PASS, STREAMING], ids=["one pass", "streaming"])
def test_only_values_that_an_action_has_are_chosen(config):
    """At a high temperature all of them, and never one that the smaller action lacks."""
    policy = policy_of(replace(config, temperature=50.0))
    drawn = []
    for tick in range(120):
        decision = policy.act(Observation({"place": np.array([tick % 9, 1], np.float32)}))
        assert list(decision.action.values) == ["pedal", "keys"]
        assert np.isfinite([decision.trace.entropy_nat, decision.trace.probability]).all()
        drawn.append(decision.action.as_vector())
    highest = np.max(drawn, 0)
    assert highest.tolist() == [2, 4, 4] and np.min(drawn) == 0


def test_weights_of_a_game_load_for_it_and_for_nothing_else(tmp_path):
    policy = policy_of(ONE_PASS)
    save_weights(tmp_path, init(jax.random.key(0), ONE_PASS, policy.layout), ONE_PASS, CONTRACT)
    seen = Observation({"place": np.array([3, 1], np.float32)})
    loaded = GatoPolicy.from_directory(tmp_path, CONTRACT)
    assert loaded.act(seen).action == policy.act(seen).action
    other = StepSpec.of(dict(SPEC.observations), {"pedal": DiscreteSpec(4), "keys": DiscreteSpec(5, 2)})
    with pytest.raises(SetupError, match=r"piano with actions\[0\].values = 3"):
        GatoPolicy.from_directory(tmp_path, SpecContract("organ", other))


def test_actions_of_both_kinds_and_a_small_table_are_refused():
    both = StepSpec.of(dict(SPEC.observations), {"a": DiscreteSpec(3), "b": ContinuousSpec((0.0,), (1.0,), ("1",))})
    with pytest.raises(SetupError, match="all discrete"):
        token_layout(both, ONE_PASS)
    with pytest.raises(SetupError, match="text_rows of at least 40"):
        token_layout(StepSpec.of(dict(SPEC.observations), {"a": DiscreteSpec(40)}), ONE_PASS)


def test_a_neighbouring_value_is_as_wrong_as_any_other():
    layout = token_layout(SPEC, ONE_PASS)
    errors = action_errors(layout, np.array([1, 4, 0]), np.array([1, 3, 4]))
    assert errors["action_accuracy"].tolist() == [1, 0, 0] and errors["action_error"].tolist() == [0, 1, 1]


def test_a_number_without_a_range_is_companded():
    spec = StepSpec.of(
        {"speed": ContinuousSpec((-np.inf, -1.0), (np.inf, 1.0), ("1", "1")), **SPEC.observations}, dict(SPEC.actions)
    )
    layout = token_layout(spec, replace(ONE_PASS, observation_keys=("speed",), continuous_encoding="range"))
    speeds = np.array([[-300.0, 0.1], [0.0, 0.0], [0.5, -0.7], [40.0, 1.0]])
    ids = tokenize(layout, {"speed": speeds}).ids
    assert ids.shape == (4, 2) and (np.diff(ids[:, 0]) > 0).all()
    np.testing.assert_allclose(decode(layout, layout.items[0], ids)[1:, 0], speeds[1:, 0], rtol=0.02, atol=0.02)
