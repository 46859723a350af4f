from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gato_ros.models import gato
from gato_ros.models.config import Convolution
from gato_ros.models.layout import token_layout
from gato_ros.models.loss import action_loss, loss_mask, masked_cross_entropy
from gato_ros.models.modules.layers import convolved
from gato_ros.models.modules.positions import distance_codes, position_scores, skew
from gato_ros.models.presets import PRESETS
from gato_ros.models.state import merge
from gato_ros.models.tokenizer import StepTokens, tokenize, tokenize_actions

ONE, MANY = PRESETS["debug_one_pass"], PRESETS["debug"]
forward_step = jax.jit(gato.forward_step, static_argnums=(1, 2), static_argnames="train")
sequence_features = jax.jit(gato.sequence_features, static_argnums=(1, 2))
sequence_loss = jax.jit(gato.sequence_loss, static_argnums=(1, 2), static_argnames="train")


@pytest.fixture(scope="module")
def one(embodiment, observations, fresh):
    layout = token_layout(embodiment.spec, ONE)
    return fresh(ONE, layout), layout, tokenize(layout, observations(ONE.observation_keys, (4,)))


@pytest.fixture(scope="module")
def many(embodiment, observations, fresh):
    layout = token_layout(embodiment.spec, MANY)
    params = fresh(MANY, layout, 0, 0.1)
    tokens = tokenize(layout, observations(MANY.observation_keys, (2, 4)))
    actions = np.random.default_rng(3).uniform(layout.action_lower, layout.action_upper, (2, 4, 5))
    return params, layout, tokens, tokenize_actions(layout, actions)


def test_one_step_gives_legal_logits_and_named_numbers(one):
    params, layout, tokens = one
    output = forward_step(params, ONE, layout, tokens)
    assert output.action_logits.shape == (4, 5, 1024) and bool(jnp.isfinite(output.action_logits).all())
    assert output.auxiliary.shape == output.auxiliary_early.shape == (4, 2)
    deployed = {name: value for name, value in params.items() if name != "auxiliary"}
    bare = forward_step(deployed, ONE, layout, tokens)
    assert bare.auxiliary is None and (bare.action_logits == output.action_logits).all()


def test_each_sample_and_each_input_matters(one):
    params, layout, tokens = one
    logits = forward_step(params, ONE, layout, tokens).action_logits
    alone = forward_step(params, ONE, layout, StepTokens(tokens.patches[2:3], tokens.ids[2:3])).action_logits
    np.testing.assert_allclose(alone[0], logits[2], atol=2e-5)
    # A change of one corner of one patch, or of one number, reaches all five actions.
    patches, ids = tokens.patches.copy(), tokens.ids.copy()
    patches[:, 20, :8, :8] = 255 - patches[:, 20, :8, :8]
    ids[:, 3] += 5
    for changed in (StepTokens(patches, tokens.ids), StepTokens(tokens.patches, ids)):
        difference = jnp.abs(forward_step(params, ONE, layout, changed).action_logits - logits)
        assert float(difference.max(-1).min()) > 1e-6


def test_action_queries_differ(one):
    params, layout, tokens = one
    logits = np.asarray(forward_step(params, ONE, layout, tokens).action_logits)
    assert np.abs(logits[:, 0] - logits[:, 1]).max() > 1e-3


def test_training_pass_draws_and_evaluation_does_not(one):
    params, layout, tokens = one
    run = lambda seed: forward_step(params, ONE, layout, tokens, rng=jax.random.key(seed), train=True).action_logits
    assert not np.allclose(run(0), run(1))
    assert (run(0) == run(0)).all()
    with pytest.raises(ValueError, match="rng"):
        forward_step(params, ONE, layout, tokens, train=True)


def test_stem_sees_the_neighbouring_patch(embodiment, observations, fresh):
    """A cube on a patch border must not be cut in two: the convolutional stem overlaps, the paper's block does not."""
    from gato_ros.models.modules.patches import normalise_pixels

    for stem, overlaps in (((Convolution(6, 4, 8), Convolution(3, 2, 8)), True), ((), False)):
        config = replace(ONE, stem=stem, patch_block_channels=8, group_norm_groups=4)
        layout = token_layout(embodiment.spec, config)
        vectors = merge(fresh(config, layout), config).embedding.patches
        embed = jax.jit(lambda patches: vectors(layout, normalise_pixels(config, patches)))  # noqa: B023
        patches = tokenize(layout, observations(config.observation_keys, (1,))).patches
        changed = patches.copy()
        changed[0, 1, 16, 0] ^= 255
        moved = np.abs(np.asarray(embed(changed) - embed(patches))).max((0, 2)) > 1e-6
        assert moved[1] and moved[0] == overlaps and not moved[2:].any()


@pytest.mark.parametrize("size, stride, padding", [(6, 4, (1, 1)), (3, 2, (0, 1)), (3, 1, (1, 1)), (2, 2, (0, 0))])
def test_a_convolution_and_its_gradients_are_those_of_xla(size, stride, padding):
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((2, 13, 17, 3), (size, size, 3, 5)))
    places = (stride, padding)

    def plain(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), [padding, padding], dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    # What serves a robot is the same to the bit; what learns is a sum in another order.
    assert (convolved(x, kernel, *places) == plain(x, kernel)).all()
    loss = lambda of: jax.value_and_grad(lambda both: jnp.sin(of(*both)).sum())((x, kernel))  # noqa: E731
    for got, wanted in zip(
        jax.tree.leaves(loss(lambda *both: convolved(*both, *places))), jax.tree.leaves(loss(plain))
    ):
        np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-4)


def test_single_steps_decide_the_same_without_what_nothing_is_read_from(many):
    params, layout, tokens, actions = many
    model = merge(params, MANY)
    for steps in (4, 1):
        seen, done = jax.tree.map(lambda part: part[:, :steps], (tokens, actions))  # noqa: B023
        whole, _ = model.sequence(layout, seen, done)
        deciding, _ = model.sequence(layout, seen, done, deciding_only=True)
        assert deciding.shape[2] == layout.actions + 1
        np.testing.assert_allclose(deciding, whole[:, :, layout.observation_tokens :], atol=2e-5)


def test_the_future_is_hidden(many):
    params, layout, tokens, actions = many
    features = sequence_features(params, MANY, layout, tokens, actions)
    ids = actions.copy()
    ids[:, 2, 1] = 32000 + (ids[:, 2, 1] - 32000 + 100) % 1024
    changed = sequence_features(params, MANY, layout, tokens, ids)
    moved = np.abs(np.asarray(changed - features)).max((0, 3)).reshape(-1) > 1e-6
    place = 2 * layout.step_tokens + layout.observation_tokens + 2
    assert not moved[:place].any() and moved[place : place + 5].all()


def test_the_window_forgets(many):
    """With one layer a token reaches 59 places on in a window of 60."""
    params, layout, tokens, actions = many
    layers_1 = replace(MANY, layers=1)
    features = sequence_features(params, layers_1, layout, tokens, actions)
    ids = actions.copy()
    ids[:, 0, 4] = 32000 + (ids[:, 0, 4] - 32000 + 100) % 1024
    changed = sequence_features(params, layers_1, layout, tokens, ids)
    moved = np.abs(np.asarray(changed - features)).max((0, 3)).reshape(-1) > 1e-7
    place = layout.step_tokens - 1
    assert moved[place + 59] and not moved[place + 60 :].any()


def test_packed_episodes_are_as_if_alone(many):
    """Neither what is before the boundary nor how far into the sequence it lies reaches the piece behind it."""
    params, layout, tokens, actions = many
    pieces = np.array([[0, 0, 1, 1], [0, 1, 1, 2]])
    packed = np.asarray(sequence_features(params, MANY, layout, tokens, actions, pieces=pieces))
    for row, part in ((0, slice(0, 2)), (0, slice(2, 4)), (1, slice(1, 3))):
        alone = StepTokens(tokens.patches[row : row + 1, part], tokens.ids[row : row + 1, part])
        features = sequence_features(params, MANY, layout, alone, actions[row : row + 1, part])
        np.testing.assert_allclose(packed[row, part], features[0], atol=2e-5)
    # The boundary is what makes the difference: without it the window reaches over.
    through = np.asarray(sequence_features(params, MANY, layout, tokens, actions, pieces=np.zeros_like(pieces)))
    assert np.abs(through[0, 2] - packed[0, 2]).max() > 1e-2


def test_what_was_done_is_seen_and_what_should_be_done_is_learned(many):
    params, layout, tokens, actions = many
    other = 32000 + (actions - 32000 + 77) % 1024
    loss = lambda done, label: float(sequence_loss(params, MANY, layout, tokens, done, target_ids=label))
    assert abs(loss(actions, other) - loss(actions, actions)) > 1e-4
    last = actions.copy()
    last[:, -1, -1] = other[:, -1, -1]  # nothing comes after it, so it is a target only
    assert loss(last, actions) == pytest.approx(loss(actions, actions), abs=1e-6)
    assert abs(loss(actions, last) - loss(actions, actions)) > 1e-5


@pytest.mark.parametrize("attention", ["causal", "full"])
def test_skew_is_the_relative_distance(attention):
    """The score of query i and key j uses the code of i - j: checked against a plain gather."""
    config = replace(ONE, attention_positions="relative", step_attention=attention)
    rng, length = np.random.default_rng(0), 7
    queries = jnp.asarray(rng.normal(size=(1, length, 2, 16)), jnp.float32)
    codes = distance_codes(config, length)
    relative = jnp.asarray(rng.normal(size=(len(codes), 2, 16)), jnp.float32)
    scores = np.asarray(position_scores(config, queries, relative))
    for keep in (length, 3):
        skewed = np.asarray(skew(jnp.asarray(scores[:, :, -keep:]), keep - 1, length))
        for row in range(keep):
            i = length - keep + row
            for j in range(length if attention == "full" else i + 1):
                np.testing.assert_allclose(skewed[0, :, row, j], scores[0, :, i, (length - 1) - (i - j)])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"attention_positions": "none", "separator_position": "local"},
        {"action_positions": "distinct"},
        {"dropout": 0.1, "stochastic_depth": 0.1, "rematerialise": True},
        {"compute": "bfloat16", "continuous_rows": "random"},
    ],
)
def test_every_open_question_runs_and_trains(many, fresh, change):
    _, layout, tokens, actions = many
    config = replace(MANY, **{"context_tokens": 96, **change})
    loss = partial(gato.sequence_loss, config=config, layout=layout, tokens=tokens, action_ids=actions, train=True)
    value, gradient = jax.jit(jax.value_and_grad(loss))(fresh(config, layout), rng=jax.random.key(2))
    assert 4.0 < float(value) < 9.0
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    "change",
    [
        {"step_attention": "causal"},
        {"attention_positions": "relative"},
        {"stem": (), "patch_block_channels": 8, "group_norm_groups": 4},
    ],
)
def test_one_pass_variants(one, fresh, change):
    config = replace(ONE, **change)
    logits = forward_step(fresh(config, one[1]), config, one[1], one[2]).action_logits
    assert bool(jnp.isfinite(logits).all()) and np.abs(np.asarray(logits[:, 0] - logits[:, 4])).max() > 1e-4


def test_padding_steps_do_not_count(many):
    params, layout, tokens, actions = many
    mask = np.array([[True, True, False, False]] * 2)
    first = StepTokens(tokens.patches[:, :2], tokens.ids[:, :2])
    short = sequence_loss(params, MANY, layout, first, actions[:, :2])
    np.testing.assert_allclose(sequence_loss(params, MANY, layout, tokens, actions, step_mask=mask), short, rtol=1e-5)


def test_only_actions_are_predicted(many):
    mask = loss_mask(many[1])
    assert mask.sum() == 5 and mask[-5:].all()
    logits = jnp.zeros((2, 3, 7))
    assert float(masked_cross_entropy(logits, jnp.zeros((2, 3), int), jnp.zeros((2, 3), bool))) == 0.0
    everywhere = masked_cross_entropy(logits, jnp.zeros((2, 3), int), jnp.ones((2, 3), bool))
    assert float(everywhere) == pytest.approx(np.log(7))


@pytest.mark.parametrize("sigma", [0.0, 6.0])
def test_action_loss_is_least_at_its_target(sigma):
    bins = jnp.array([[0, 100, 512, 900, 1023]])
    offset = (jnp.arange(1024) - bins[..., None]) / max(sigma, 0.1)
    right = -0.5 * offset**2
    assert action_loss(right, bins, sigma).shape == (1,)
    best = float(action_loss(right, bins, sigma)[0])
    assert best < float(action_loss(jnp.roll(right, 30, -1), bins, sigma)[0])
    gradient = jax.grad(lambda logits: action_loss(logits, bins, sigma).sum())(right)
    assert float(jnp.abs(gradient).max()) < 1e-4
    assert float(action_loss(jnp.zeros((1, 5, 1024)), bins, sigma)[0]) == pytest.approx(np.log(1024), rel=1e-5)


def test_a_small_model_learns(one):
    """The whole chain of gradients: a fixed batch is fitted far below the entropy of a guess."""
    params, layout, tokens = one
    bins = jnp.asarray(np.random.default_rng(5).integers(0, 1024, (4, 5)))
    optimiser = optax.adam(1e-2)

    @jax.jit
    def step(params, state, rng):
        def loss(params):
            output = gato.forward_step(params, ONE, layout, tokens, rng=rng, train=True)
            return action_loss(output.action_logits, bins, 0.0).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    state = optimiser.init(params)
    for i in range(60):
        params, state, value = step(params, state, jax.random.key(i))
    assert float(value) < 1.0
