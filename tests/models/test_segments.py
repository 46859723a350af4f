"""Text, images, discrete and continuous values in one sequence: what becomes of each token."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.text import value_from_text
from gato_ros.embodiments import load_embodiment
from gato_ros.models import gato
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.layout import PAD, SEPARATOR, token_layout
from gato_ros.models.mixed_sequence import mixed_features, mixed_loss, place_vectors
from gato_ros.models.modules.embedding import mean_index
from gato_ros.models.presets import PRESETS
from gato_ros.models.segments import (
    ACTION,
    NOWHERE,
    Continuous,
    Discrete,
    Image,
    SequenceTokens,
    Step,
    Text,
    image_grids,
    learned_places,
    pack,
    pack_pieces,
    robot_step,
)
from gato_ros.models.state import merge
from gato_ros.models.table import table_row
from gato_ros.models.tokenizer import tokenize, tokenize_actions

features = jax.jit(mixed_features, static_argnums=1)
loss = jax.jit(mixed_loss, static_argnums=1)


def picture(height, width, seed=0):
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def batch(*packed):
    return SequenceTokens(*(np.stack(part) for part in zip(*packed)))


@pytest.fixture(scope="module")
def steps():
    """All kinds, in an order of no kind."""
    return (
        Step(
            (Continuous([0.5, -1.0]), picture(32, 48), Text("the red one"), Discrete([[1, 0], [1023 % 320, 2]])),
            (Discrete([7]), Continuous([0.25, -1.0])),
        ),
        Step((Text("the left one", predicted=False), picture(16, 16, 1), Text(" blue", end=True))),
    )


def test_every_token_has_the_paper_s_id_place_and_part_in_the_loss(text_config, steps, small_vocabulary):
    tokens = pack(steps, text_config, 100, 9)
    red, left, blue = (small_vocabulary.encode(text) for text in ("the red one", "the left one", " blue"))
    # Companded in an observation, not in an action: the golden values of reference/gato.md.
    ids = [
        32710,
        32279,
        *[PAD] * 6,
        *red,
        1,
        0,
        63,
        2,
        SEPARATOR,
        7,
        32640,
        32000,
        *left,
        PAD,
        *blue,
        small_vocabulary.end,
    ]
    first, second = 8 + len(red) + 4, len(left) + 1 + len(blue) + 1
    assert tokens.count == len(ids) == first + 4 + second
    np.testing.assert_array_equal(tokens.ids, ids + [PAD] * (100 - len(ids)))
    place = [*range(first), NOWHERE, *[ACTION] * 3, *range(second)]
    np.testing.assert_array_equal(tokens.place, place + [NOWHERE] * (100 - len(ids)))
    predicted = (
        [False] * 8
        + [True] * len(red)
        + [False] * 5
        + [True] * 3
        + [False] * (len(left) + 1)
        + [True] * (len(blue) + 1)
    )
    np.testing.assert_array_equal(tokens.predicted, predicted + [False] * (100 - len(ids)))
    np.testing.assert_array_equal(tokens.patch_tokens, [*range(2, 8), first + 4 + len(left), 100, 100])


def test_patches_are_cut_in_raster_order_and_know_where_they_lie(text_config, steps):
    tokens, pixels = pack(steps, text_config, 100, 9), picture(32, 48).pixels
    np.testing.assert_array_equal(tokens.patches[4], pixels[16:, 16:32])
    np.testing.assert_array_equal(tokens.patch_intervals[4], [[64, 128], [42, 85]])
    np.testing.assert_array_equal(tokens.patch_intervals[6], [[0, 128], [0, 128]])
    assert (tokens.patches[7:] == 0).all()


def test_the_mean_position_code_is_rounded_and_stays_inside():
    low, high = np.array([0, 25, 51, 127]), np.array([25, 51, 76, 128])
    assert mean_index(low, high, np).tolist() == [13, 38, 64, 127]


@pytest.mark.parametrize(
    "bad, error, message",
    [
        (picture(32, 40), SetupError, "multiples of 16 px; got 32 x 40"),
        (Image(np.zeros((16, 16, 3))), ValueError, "uint8"),
        (Discrete([320]), ValueError, r"\[0, 320\)"),
        (Discrete([0.5]), ValueError, "integers"),
        (Continuous([np.nan]), NonFiniteError, "finite"),
        (picture(16 * 10, 16), SetupError, "at most 99 tokens and 9 patches; got 10 and 10"),
        (Text("a" * 200), SetupError, "at most 99 tokens"),
    ],
)
def test_what_cannot_be_packed_is_refused(text_config, bad, error, message):
    with pytest.raises(error, match=message):
        pack([Step((bad,))], text_config, 99, 9)


def test_text_needs_a_vocabulary(text_config):
    plain = replace(text_config, vocabulary=None)
    assert pack([Step((Discrete([1]),))], plain).count == 1
    with pytest.raises(SetupError, match="a model that knows text"):
        pack([Step((Text("red"),))], plain)


def test_an_image_is_no_action(text_config):
    with pytest.raises(ValueError, match="action"):
        pack([Step((Text("a"),), (picture(16, 16),))], text_config)


def test_padding_changes_nothing(text_config, text_params, steps):
    tight, wide = (batch(pack(steps, text_config, *size)) for size in ((None, None), (100, 9)))
    count = int(tight.count[0])
    assert tight.ids.shape == (1, count) and wide.ids.shape == (1, 100)
    # Padding, and other things in it.
    other = wide._replace(patches=wide.patches.copy(), ids=wide.ids.copy())
    other.patches[:, 7:], other.ids[:, count:] = 200, 5
    of_tight, of_wide, of_other = (features(text_params, text_config, tokens) for tokens in (tight, wide, other))
    np.testing.assert_allclose(of_wide[:, :count], of_tight, atol=1e-5)
    np.testing.assert_array_equal(of_other[:, :count], of_wide[:, :count])
    losses = [loss(text_params, text_config, tokens) for tokens in (tight, wide, other)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_array_equal(losses[2], losses[1])


def test_only_text_and_actions_are_learned(text_config, text_params, steps):
    tokens = batch(pack(steps, text_config))
    logits = np.asarray(features(text_params, text_config, tokens))[0, :-1] @ np.asarray(text_params["table"]).T
    targets = np.asarray(table_row(text_config, tokens.ids[0, 1:]))
    each = np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(targets)), targets]
    mask = tokens.predicted[0, 1:]
    assert 5 < mask.sum() < len(mask) / 2
    np.testing.assert_allclose(loss(text_params, text_config, tokens), each[mask].mean(), rtol=1e-5)


@pytest.mark.parametrize("place", ["observation", "action"])
@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize(
    "kind, what",
    [(Text, "the red one"), (Discrete, [1, 0]), (Continuous, [0.5, -1.0])],
    ids=["text", "discrete", "continuous"],
)
def test_a_segment_that_is_not_predicted_is_not_learned(text_config, kind, what, predicted, place):
    segment, prompt = kind(what, predicted=predicted), Step((Text("which one", predicted=False),))
    if place == "action":
        step, before, after = Step((Continuous([0.1]),), (segment, Discrete([3]))), 2, [True]
    else:
        step, before, after = Step((segment,), (Discrete([3]),)), 0, [False, True]
    tokens, first = pack([prompt, step], text_config), int(pack([prompt], text_config).count)
    own = int(pack([Step((segment,))], text_config).count)
    learned = predicted and (place == "action" or kind is Text)
    assert tokens.predicted.tolist() == [False] * (first + before) + [learned] * own + after


def test_only_what_is_predicted_counts_in_the_loss(text_config, text_params):
    def both(predicted):
        answer = (Text("the red one", predicted=predicted), Text(" blue", end=True))
        return batch(pack([Step((Text("which one", predicted=False),), answer)], text_config))

    learned, left_out = both(True), both(False)
    logits = np.asarray(features(text_params, text_config, learned))[0, :-1] @ np.asarray(text_params["table"]).T
    targets = np.asarray(table_row(text_config, learned.ids[0, 1:]))
    each = np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(targets)), targets]
    end = int(pack([Step((Text(" blue", end=True),))], text_config).count)
    np.testing.assert_array_equal(left_out.ids, learned.ids)
    np.testing.assert_allclose(loss(text_params, text_config, left_out), each[-end:].mean(), rtol=1e-5)
    assert abs(float(loss(text_params, text_config, learned)) - each[-end:].mean()) > 1e-3


def test_every_token_matters_to_those_after_it_and_to_no_others(text_config, text_params, steps):
    tokens = batch(pack(steps, text_config))
    plain = np.asarray(features(text_params, text_config, tokens))
    patches = tokens.patches.copy()
    patches[0, 3] = 255 - patches[0, 3]
    moved = np.abs(np.asarray(features(text_params, text_config, tokens._replace(patches=patches))) - plain).max(-1)[0]
    at = int(tokens.patch_tokens[0, 3])
    assert moved[:at].max() == 0 and moved[at:].min() > 1e-6
    for other in (
        tokens._replace(patch_intervals=tokens.patch_intervals[:, ::-1]),
        tokens._replace(place=tokens.place[:, ::-1]),
    ):
        assert np.abs(np.asarray(features(text_params, text_config, other)) - plain).max() > 1e-4


def test_a_long_text_shares_the_last_local_position(text_config, text_params):
    tokens = pack([Step((Text("\0" * 600),))], text_config)
    assert tokens.place.max() == 600
    vectors = np.asarray(place_vectors(merge(text_params, text_config).embedding, tokens.place))
    np.testing.assert_array_equal(vectors[:512], text_params["local_position"])
    assert (vectors[512:] == vectors[511]).all()


def test_a_robot_s_steps_give_the_features_of_the_robot_s_path(embodiment, observations, fresh):
    """The same functions and parameters: a control step in a mixed sequence is the control step."""
    config = PRESETS["debug"]
    layout = token_layout(embodiment.spec, config)
    params, values = fresh(config, layout, 0, 0.1), observations(config.observation_keys, (2,))
    actions = np.random.default_rng(3).uniform(layout.action_lower, layout.action_upper, (2, 5))
    steps = [robot_step(layout, {key: value[i] for key, value in values.items()}, actions[i]) for i in range(2)]
    mixed = features(params, config, batch(pack(steps, config, 60, 40)))[0, : 2 * layout.step_tokens]
    tokens = tokenize(layout, {key: value[None] for key, value in values.items()})
    wanted = jax.jit(partial(gato.sequence_features, params, config, layout))(
        tokens, tokenize_actions(layout, actions)[None]
    )
    np.testing.assert_allclose(mixed.reshape(wanted[0].shape), wanted[0], atol=1e-5)
    one = robot_step(layout, {key: value[0] for key, value in values.items()})
    assert one.action == () and pack([one], config).count == layout.observation_tokens


def test_a_generalist_s_steps_give_the_features_of_the_robot_s_path(fresh, observations):
    """With its stem, its crop, a place of its own for every action, and a text as long as in every step."""
    robot = load_embodiment("sawyer_rgb_stacking_told")
    config = replace(PRESETS["gato_generalist"], layers=2, width=32, heads=2, head_size=16, feed_forward=64)
    layout = token_layout(robot.spec, config)
    params = fresh(config, layout, 0, 0.1)
    values = observations([key for key in config.keys_of(robot.spec) if key != "task/text"], (2,))
    values["task/text"] = np.stack([value_from_text(text, 64) for text in ("red on blue", "blue on green")])
    actions = np.random.default_rng(3).uniform(layout.action_lower, layout.action_upper, (2, 5))
    steps = [robot_step(layout, {key: value[i] for key, value in values.items()}, actions[i]) for i in range(2)]
    packed, grids = pack(steps, config), image_grids(steps, config)
    assert packed.count == 2 * layout.step_tokens and grids == ((3, 4),) * 4
    mixed = jax.jit(mixed_features, static_argnames=("config", "grids"))(
        params, config=config, tokens=batch(packed), grids=grids
    )[0]
    wanted = jax.jit(partial(gato.sequence_features, params, config, layout))(
        tokenize(layout, {key: value[None] for key, value in values.items()}),
        tokenize_actions(layout, actions)[None],
    )
    np.testing.assert_allclose(mixed.reshape(wanted[0].shape), wanted[0], atol=1e-5)
    with pytest.raises(ValueError, match="the pictures have 12 patches, and there are 48"):
        mixed_features(params, config, batch(packed), grids=grids[:1])


def test_learned_places_and_pieces_change_the_work_and_not_the_loss(text_config, text_params):
    pieces = [[Step((Text("to be"),), (Discrete([3, 4]),))], [Step((Text("or not"),)), Step((), (Continuous([0.1]),))]]
    packed, numbers = pack_pieces(pieces, text_config, 40, 0)
    learned = learned_places(batch(packed), 20)
    assert (packed.predicted[1:][learned[0][learned[0] < 39]]).all() and learned.shape == (1, 20)
    whole = loss(text_params, text_config, batch(packed), pieces=numbers[None])
    few = loss(text_params, text_config, batch(packed), pieces=numbers[None], learned=learned)
    np.testing.assert_allclose(few, whole, rtol=1e-6)
    alone = [batch(pack(piece, text_config, 40, 0)) for piece in pieces]
    counts = [one.predicted[:, 1:].sum() for one in alone]
    apart = sum(count * loss(text_params, text_config, one) for one, count in zip(alone, counts)) / sum(counts)
    np.testing.assert_allclose(whole, apart, rtol=1e-5)
    with pytest.raises(SetupError, match="at most 2 learned tokens"):
        learned_places(batch(packed), 2)


def test_a_model_of_one_pass_cannot_read_mixed_sequences(text_config, text_params, steps):
    one_pass = replace(text_config, action_decoding="one_pass", context_tokens=None)
    with pytest.raises(SetupError, match="use weights of a paper preset or of a generalist"):
        mixed_features(text_params, one_pass, batch(pack(steps, text_config)))
