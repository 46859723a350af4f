from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.gato import forward_step
from gato_ros.models.layout import token_layout
from gato_ros.models.policy import GatoPolicy
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import StepTokens, decode_actions, tokenize
from gato_ros.models.weights import save_weights

KINDS = ["debug_one_pass", "debug"]


@pytest.fixture(scope="module", params=KINDS)
def policy(request, embodiment, fresh):
    config = PRESETS[request.param]
    made = GatoPolicy(fresh(config, token_layout(embodiment, config)), config, embodiment)
    made.warm_up()
    return made


@pytest.fixture
def frames(policy, observations):
    return [Observation(observations(policy.observation_keys, seed=seed)) for seed in range(6)]


def test_it_is_a_policy_within_the_contract(policy, frames, embodiment):
    assert isinstance(policy, Policy)
    for frame in frames:
        action = policy.act(frame).as_vector()
        assert (action >= embodiment.action_lower).all() and (action <= embodiment.action_upper).all()
        assert action[4] in (0.0, 0.085)
    assert (policy.last_logit_margin >= 0).all()
    assert ((policy.last_entropy > 0) & (policy.last_entropy <= np.log(1024) + 1e-5)).all()


@pytest.fixture(scope="module")
def compilations():
    """Grows by one whenever XLA compiles anything, inside or outside a compiled step."""
    count = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, duration, **_: count.append(event) if event.endswith("backend_compile_duration") else None)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_after_warm_up_nothing_is_compiled_again(embodiment, observations, fresh, compilations, kind):
    config = replace(PRESETS[kind], temperature=1.0)
    params = fresh(config, token_layout(embodiment, config))
    frame = Observation(observations(config.observation_keys))
    before = len(compilations)
    policy = GatoPolicy(params, config, embodiment)
    policy.warm_up()
    assert policy.compilations == 1 and len(compilations) > before
    before = len(compilations)
    for _ in range(3):
        policy.act(frame)
    policy.reset()
    policy.act(frame)
    assert policy.compilations == 1 and len(compilations) == before


def test_reset_forgets(policy, frames):
    policy.reset()
    first = [policy.act(frame).as_vector() for frame in frames]
    policy.reset()
    again = [policy.act(frame).as_vector() for frame in frames]
    np.testing.assert_array_equal(first, again)


def test_warm_up_leaves_no_memory(policy, frames):
    policy.reset()
    expected = policy.act(frames[0]).as_vector()
    policy.warm_up()
    np.testing.assert_array_equal(policy.act(frames[0]).as_vector(), expected)


def test_act_is_the_likeliest_bin_of_the_forward_pass(embodiment, observations, fresh):
    config = PRESETS["debug_one_pass"]
    layout = token_layout(embodiment, config)
    params = fresh(config, layout, 4)
    values = observations(config.observation_keys, seed=9)
    tokens = tokenize(layout, values)
    batch = StepTokens(*(part[None] for part in tokens))
    logits = jax.jit(forward_step, static_argnums=(1, 2))(params, config, layout, batch).action_logits[0]
    expected = decode_actions(layout, 32000 + np.asarray(logits).argmax(-1))
    made = GatoPolicy(params, config, embodiment)
    np.testing.assert_array_equal(made.act(Observation(values)).as_vector(), expected)
    ordered = np.sort(np.asarray(logits), -1)
    np.testing.assert_allclose(made.last_logit_margin, ordered[:, -1] - ordered[:, -2], atol=1e-5)


def test_sampling_is_deterministic_by_seed(embodiment, observations, fresh):
    config = replace(PRESETS["debug_one_pass"], temperature=1.0)
    params = fresh(config, token_layout(embodiment, config))
    frame = Observation(observations(config.observation_keys))
    acts = lambda seed: [GatoPolicy(params, config, embodiment, seed=seed).act(frame).as_vector()]
    np.testing.assert_array_equal(acts(1), acts(1))
    assert not np.array_equal(acts(1), acts(2))


@pytest.mark.parametrize(("kind", "bad"), [("debug_one_pass", np.inf), ("debug", np.nan)])
def test_damaged_weights_raise_a_named_error(embodiment, observations, fresh, kind, bad):
    config = PRESETS[kind]
    params = fresh(config, token_layout(embodiment, config))
    params["final_norm"]["bias"] = params["final_norm"]["bias"].at[0].set(bad)
    with pytest.raises(NonFiniteError, match="logits"):
        GatoPolicy(params, config, embodiment).act(Observation(observations(config.observation_keys)))


def test_a_non_finite_sensor_raises_a_named_error(policy, frames):
    values = dict(frames[0].values)
    values["gripper/opening"] = np.array([np.nan], np.float32)
    with pytest.raises(NonFiniteError, match="gripper/opening"):
        policy.act(Observation(values))


def test_a_prompt_is_refused(policy):
    with pytest.raises(ValueError, match="prompt"):
        policy.reset(prompt=["a demonstration"])


def test_from_directory_acts_like_the_original(tmp_path, policy, frames, embodiment):
    save_weights(tmp_path, jax.device_get(policy._params), policy.config, embodiment)
    loaded = GatoPolicy.from_directory(tmp_path, embodiment)
    policy.reset()
    for frame in frames:
        np.testing.assert_array_equal(loaded.act(frame).as_vector(), policy.act(frame).as_vector())
