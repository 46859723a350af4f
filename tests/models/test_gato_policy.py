import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt
from gato_ros.models.choices import first_row
from gato_ros.models.config import config_from_dict
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.gato import forward_step, sequence_features, sequence_output
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.table import continuous_rows
from gato_ros.models.tokenizer import StepTokens, decode_actions, tokenize, tokenize_actions
from gato_ros.models.weights import save_weights

KINDS = ["debug_one_pass", "debug"]


@pytest.fixture(scope="module", params=KINDS)
def policy(request, embodiment, fresh):
    config = PRESETS[request.param]
    made = GatoPolicy(fresh(config, token_layout(embodiment.spec, config)), config, embodiment)
    made.warm_up()
    return made


@pytest.fixture
def frames(policy, observations):
    return [Observation(observations(policy.observation_keys, seed=seed)) for seed in range(6)]


def test_it_is_a_policy_within_the_contract(policy, frames, embodiment):
    assert isinstance(policy, Policy)
    for frame in frames:
        decision = policy.act(frame)
        action, trace = decision.action.as_vector(), decision.trace
        assert (action >= embodiment.action_lower).all() and (action <= embodiment.action_upper).all()
        assert action[4] in (0.0, 0.085)
    assert (trace.logit_margin >= 0).all()
    assert ((trace.entropy_nat > 0) & (trace.entropy_nat <= np.log(1024) + 1e-5)).all()
    # The likeliest of 1024 bins, at temperature 0; and no bin can be likelier than the entropy leaves room for.
    assert ((trace.probability >= 1 / 1024) & (trace.probability <= 1)).all()
    assert (-np.log(trace.probability) <= trace.entropy_nat + 1e-5).all()


def test_it_tells_how_much_it_remembers_and_where_the_time_goes(policy, frames):
    policy.reset()
    seen = []
    for frame in frames:
        trace = policy.act(frame).trace
        seen.append(trace.context_tokens)
    step, window = policy.layout.step_tokens, policy.config.context_tokens or policy.layout.step_tokens
    assert seen == [(min(number * step, window), window) for number in range(1, len(frames) + 1)]
    assert trace.tokenise_s > 0 and trace.forward_s > 0


@pytest.fixture(scope="module")
def compilations():
    """Grows by one whenever XLA compiles anything, inside or outside a compiled step."""
    count = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, duration, **_: count.append(event) if event.endswith("backend_compile_duration") else None
    )
    return count


@pytest.mark.fault("T3")
@pytest.mark.parametrize(("kind", "prompted"), [*((kind, False) for kind in KINDS), ("debug", True)])
def test_after_warm_up_nothing_is_compiled_again(embodiment, observations, fresh, compilations, kind, prompted):
    config = replace(PRESETS[kind], temperature=1.0)
    params = fresh(config, token_layout(embodiment.spec, config))
    frame = Observation(observations(config.observation_keys))
    before = len(compilations)
    policy = GatoPolicy(params, config, embodiment, takes_prompts=prompted)
    policy.warm_up()
    assert policy.compilations == 1 + prompted and len(compilations) > before
    before = len(compilations)
    for _ in range(12):  # three turns of the ring
        policy.act(frame)
    policy.reset()
    policy.act(frame)
    for length in range(1, policy.info.prompt_steps + 1):
        policy.reset(demonstration(observations, policy, length))
        policy.act(frame)
        policy.reset()
        policy.act(frame)
    assert policy.compilations == 1 + prompted and len(compilations) == before


def test_reset_forgets(policy, frames):
    policy.reset()
    first = [policy.act(frame).action.as_vector() for frame in frames]
    policy.reset()
    again = [policy.act(frame).action.as_vector() for frame in frames]
    np.testing.assert_array_equal(first, again)


def test_single_steps_are_decided_as_they_are_learned(embodiment, observations, fresh):
    model = PRESETS["debug"]
    config = replace(model, single_steps=(tuple(sorted(model.observation_keys)),))
    assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert "single_steps" not in model.to_dict()
    layout = token_layout(embodiment.spec, config)
    params = fresh(config, layout, 0, 0.3)
    policy, remembering = GatoPolicy(params, config, embodiment), GatoPolicy(params, model, embodiment)
    assert not policy.info.remembers and not policy.info.reach_steps and remembering.info.remembers
    learned = jax.jit(sequence_output, static_argnums=(1, 2))
    others = 0
    for seed in range(4):
        frame = Observation(observations(config.observation_keys, seed=seed))
        trace = policy.act(frame).trace
        tokens = StepTokens(*(part[None, None] for part in trace.tokens))
        logits = learned(params, config, layout, tokens, trace.ids[None, None]).action_logits[0, 0]
        first = first_row(config, layout)
        likeliest = np.asarray(logits)[:, first : first + layout.choices].argmax(-1)
        assert (layout.action_start + likeliest).tolist() == list(trace.ids)
        assert trace.context_tokens == (layout.step_tokens, layout.step_tokens)
        others += not np.array_equal(remembering.act(frame).trace.entropy_nat, trace.entropy_nat)
    assert others >= 3  # all but the first step, which has nothing to remember


def test_warm_up_leaves_no_memory(policy, frames):
    policy.reset()
    expected = policy.act(frames[0]).action.as_vector()
    policy.warm_up()
    np.testing.assert_array_equal(policy.act(frames[0]).action.as_vector(), expected)


def test_a_memory_taken_up_in_the_middle_becomes_the_same_to_the_bit(policy, observations):
    reach = policy.info.reach_steps
    assert (reach > 0) == policy.info.remembers
    frames = [Observation(observations(policy.observation_keys, seed=seed)) for seed in range(5 + 2 * reach + 8)]
    policy.reset()
    known = []
    for frame in frames:
        trace = policy.act(frame).trace
        known.append((trace.tokens, trace.ids, trace.entropy_nat.tobytes()))
    policy.reset()
    if policy.info.remembers:
        policy.take_up(5)
    for i, (tokens, ids, entropy) in enumerate(known[5:]):
        if i < reach:
            policy.absorb(tokens, ids)
            continue
        trace = policy.act(frames[5 + i]).trace
        assert trace.ids.tolist() == ids.tolist()
        if i >= 2 * reach:
            assert trace.entropy_nat.tobytes() == entropy


def test_a_refused_observation_is_no_tick(policy, frames):
    trace = policy.act(frames[0]).trace
    assert trace.tokens is not None and len(trace.ids) == policy.layout.actions and trace.ticks == policy.ticks
    with pytest.raises(KeyError):
        policy.act(Observation({}))
    assert policy.act(frames[0]).trace.ticks == trace.ticks + 1


def test_damaged_weights_raise_with_what_was_thought(embodiment, observations, fresh):
    config = PRESETS["debug_one_pass"]
    params = fresh(config, token_layout(embodiment.spec, config))
    params = {**params, "table": params["table"] * np.nan}
    with pytest.raises(NonFiniteError, match="logits") as raised:
        GatoPolicy(params, config, embodiment).act(Observation(observations(config.observation_keys)))
    assert raised.value.trace.tokens is not None and len(raised.value.trace.ids) == 5


def test_act_is_the_likeliest_bin_of_the_forward_pass(embodiment, observations, fresh):
    config = PRESETS["debug_one_pass"]
    layout = token_layout(embodiment.spec, config)
    params = fresh(config, layout, 4)
    values = observations(config.observation_keys, seed=9)
    tokens = tokenize(layout, values)
    batch = StepTokens(*(part[None] for part in tokens))
    logits = jax.jit(forward_step, static_argnums=(1, 2))(params, config, layout, batch).action_logits[0]
    expected = decode_actions(layout, 32000 + np.asarray(logits).argmax(-1))
    made = GatoPolicy(params, config, embodiment)
    decision = made.act(Observation(values))
    np.testing.assert_array_equal(decision.action.as_vector(), expected)
    ordered = np.sort(np.asarray(logits), -1)
    np.testing.assert_allclose(decision.trace.logit_margin, ordered[:, -1] - ordered[:, -2], atol=1e-5)


def test_sampling_is_deterministic_by_seed(embodiment, observations, fresh):
    config = replace(PRESETS["debug_one_pass"], temperature=1.0)
    params = fresh(config, token_layout(embodiment.spec, config))
    frame = Observation(observations(config.observation_keys))
    acts = lambda seed: [GatoPolicy(params, config, embodiment, seed=seed).act(frame).action.as_vector()]
    np.testing.assert_array_equal(acts(1), acts(1))
    assert not np.array_equal(acts(1), acts(2))


@pytest.mark.fault("M1")
@pytest.mark.parametrize(("kind", "bad"), [("debug_one_pass", np.inf), ("debug", np.nan)])
def test_damaged_weights_raise_a_named_error(embodiment, observations, fresh, kind, bad):
    config = PRESETS[kind]
    params = fresh(config, token_layout(embodiment.spec, config))
    params["final_norm"]["bias"] = params["final_norm"]["bias"].at[0].set(bad)
    with pytest.raises(NonFiniteError, match="logits"):
        GatoPolicy(params, config, embodiment).act(Observation(observations(config.observation_keys)))


def test_a_non_finite_sensor_raises_a_named_error(policy, frames):
    values = dict(frames[0].values)
    values["gripper/opening"] = np.array([np.nan], np.float32)
    with pytest.raises(NonFiniteError, match="gripper/opening"):
        policy.act(Observation(values))


def test_weights_that_never_saw_a_prompt_refuse_it(policy, observations):
    with pytest.raises(SetupError, match="trained with prompts"):
        policy.reset(demonstration(observations, policy, 1))


@pytest.fixture(scope="module")
def prompted(embodiment, fresh):
    config = PRESETS["debug"]
    return GatoPolicy(
        fresh(config, token_layout(embodiment.spec, config), 0, 0.1), config, embodiment, takes_prompts=True
    )


def demonstration(observations, policy, length, keys=None):
    rng, contract = np.random.default_rng(length), policy.contract
    frames = [Observation(observations(keys or policy.observation_keys, seed=70 + i)) for i in range(length)]
    actions = [ArmAction.from_vector(rng.uniform(contract.action_lower, contract.action_upper)) for _ in range(length)]
    return Prompt(tuple(frames), tuple(actions), "some.mcap")


def test_an_episode_after_a_prompt_goes_on_as_if_the_prompt_had_just_happened(prompted, observations, embodiment):
    """Against one forward pass over the prompt, what was seen and what was done."""
    prompt = demonstration(observations, prompted, prompted.info.prompt_steps)
    frame = Observation(observations(prompted.observation_keys))
    prompted.reset(prompt)
    # The last action's token is decoded to one of two values; no other token of the step sees it.
    decision = prompted.act(frame)
    ids, margin = tokenize_actions(prompted.layout, decision.action.as_vector()), decision.trace.logit_margin
    params, layout = prompted._params, prompted.layout
    seen = [*prompt.observations, frame]
    tokens = StepTokens(*(np.stack(part)[None] for part in zip(*(tokenize(layout, one.values) for one in seen))))
    done = [tokenize_actions(layout, action.as_vector()) for action in prompt.actions]
    features = jax.jit(sequence_features, static_argnums=(1, 2))(
        params, prompted.config, layout, tokens, np.stack([*done, ids])[None]
    )
    head = continuous_rows(prompted.config, params["table"]).T
    logits = np.asarray(features[0, -1, layout.observation_tokens : -1] @ head)
    ordered = np.sort(logits, -1)
    np.testing.assert_allclose(margin, ordered[:, -1] - ordered[:, -2], atol=1e-4)
    prompted.reset()
    assert np.abs(prompted.act(frame).trace.logit_margin - margin).max() > 1e-3  # it mattered


def test_a_reset_gives_the_prompted_start_again_and_none_gives_a_fresh_policy(prompted, observations, embodiment):
    """To the last bit, over more steps than the ring holds: nothing of the episode before is left."""
    frames = [Observation(observations(prompted.observation_keys, seed=seed)) for seed in range(9)]
    prompted.warm_up()
    fresh_one = GatoPolicy(prompted._params, prompted.config, embodiment, takes_prompts=True)
    # Compiled code holds no memory, and compiling it again takes most of this test's time.
    fresh_one._step._compiled, fresh_one._step._absorb = prompted._step._compiled, prompted._step._absorb
    first, second = demonstration(observations, prompted, 2), demonstration(observations, prompted, 1)
    play = lambda policy: [
        (decision.action.as_vector(), decision.trace.logit_margin, decision.trace.entropy_nat)
        for decision in map(policy.act, frames)
    ]
    plain = play(fresh_one)
    fresh_one.reset(first)
    after_first = play(fresh_one)
    for prompt, expected in ((None, plain), (first, after_first), (second, None), (first, after_first), (None, plain)):
        prompted.reset(prompt)
        played = play(prompted)
        if expected is not None:
            np.testing.assert_array_equal(
                np.array([np.concatenate(row) for row in played]), np.array([np.concatenate(row) for row in expected])
            )


@pytest.mark.fault("M8")
def test_hours_later_it_is_the_same_to_the_last_bit(prompted, observations):
    """Positions are distances, counted within the ring: nothing drifts."""
    frames = [Observation(observations(prompted.observation_keys, seed=seed)) for seed in range(12)]
    margins = {}
    for turns in (0, 2**31):
        prompted.reset()
        for frame in frames[:8]:
            prompted.act(frame)
        prompted._step.steps += 4 * turns
        margins[turns] = [prompted.act(frame).trace.logit_margin for frame in frames[8:]]
    np.testing.assert_array_equal(margins[0], margins[2**31])


@pytest.mark.parametrize(
    ("length", "keys", "words"),
    [(3, None, "at most 2 control steps"), (1, ("gripper/grasp", "gripper/opening"), "lacks")],
)
def test_prompts_that_do_not_fit_are_refused(prompted, observations, length, keys, words):
    with pytest.raises(SetupError, match=words):
        prompted.reset(demonstration(observations, prompted, length, keys))


@pytest.mark.parametrize(
    ("extra", "steps"), [({}, 0), ({"training": {"prompt_share": 0.0}}, 0), ({"training": {"prompt_share": 0.25}}, 2)]
)
def test_the_training_record_knows_whether_prompts_were_seen(prompted, tmp_path, embodiment, fresh, extra, steps):
    params = fresh(prompted.config, prompted.layout)
    save_weights(tmp_path, params, prompted.config, embodiment, extra)
    assert GatoPolicy.from_directory(tmp_path, embodiment).info.prompt_steps == steps


def test_from_directory_acts_like_the_original(tmp_path, policy, frames, embodiment, fresh):
    save_weights(tmp_path, fresh(policy.config, policy.layout), policy.config, embodiment)
    loaded = GatoPolicy.from_directory(tmp_path, embodiment)
    policy.reset()
    for frame in frames:
        np.testing.assert_array_equal(loaded.act(frame).action.as_vector(), policy.act(frame).action.as_vector())
