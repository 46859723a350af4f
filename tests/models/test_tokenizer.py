from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.errors import SetupError
from gato_ros.models.config import Crop
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.layout import PAD, SEPARATOR, token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import (
    bin_centre,
    bin_index,
    decode,
    decode_actions,
    encode,
    inverse_mu_law,
    mu_law,
    tokenize,
    tokenize_actions,
)

PAPER = PRESETS["gato_79m"]
finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("x", "companded", "index", "centre"),
    [
        (0.0, 0.0, 512, 0.00010),
        (0.01, 0.068288, 546, 0.00982),
        (0.1, 0.236237, 632, 0.09902),
        (0.5, 0.387357, 710, 0.50175),
        (1.0, 0.454674, 744, 0.99414),
        (-1.0, -0.454674, 279, -0.99414),
        (np.pi, 0.566784, 802, 3.1608),
        (255.0, 0.999614, 1023, 253.47),
        (300.0, 1.0, 1023, 253.47),
    ],
)
def test_golden_observations(x, companded, index, centre):
    assert mu_law(x) == pytest.approx(companded, abs=5e-7)
    assert bin_index(mu_law(x)) == index
    assert inverse_mu_law(bin_centre(index)) == pytest.approx(centre, rel=1e-4, abs=5e-6)


@pytest.mark.parametrize(("x", "index"), [(-0.6285, 302), (-5.1349, 197), (3.9317, 813)])
def test_golden_values_of_another_implementation(x, index):
    assert bin_index(mu_law(x)) == index


@pytest.mark.parametrize(
    ("fraction", "index", "centre"),
    [(-1.0, 0, -0.99902), (0.0, 512, 0.00098), (0.25, 640, 0.25098), (1.0, 1023, 0.99902)],
)
def test_golden_actions(embodiment, fraction, index, centre):
    layout = token_layout(embodiment.spec, PAPER)
    ids = tokenize_actions(layout, fraction * np.array([0.07, 0.07, 0.07, 1.0, 0.085]))
    assert ids[:4].tolist() == [32000 + index] * 4
    assert decode_actions(layout, ids)[3] == pytest.approx(centre, abs=5e-6)


@given(finite, finite)
def test_mu_law_is_total_monotone_and_odd(x, y):
    low, high = sorted((x, y))
    assert -1.0 <= mu_law(low) <= mu_law(high) <= 1.0
    assert mu_law(-x) == -mu_law(x)
    assert 0 <= bin_index(mu_law(low)) <= bin_index(mu_law(high)) <= 1023


@given(st.floats(-256, 256))
def test_mu_law_round_trip_is_within_half_a_bin(x):
    index = bin_index(mu_law(x))
    edges = inverse_mu_law(np.array([bin_centre(index) - 1 / 1024, bin_centre(index) + 1 / 1024]))
    assert edges[0] - 1e-9 <= x <= edges[1] + 1e-9
    assert bin_index(mu_law(inverse_mu_law(bin_centre(index)))) == index


def test_every_bin_comes_back_and_centres_are_unbiased():
    index = np.arange(1024)
    assert (bin_index(bin_centre(index)) == index).all()
    assert (bin_index(mu_law(inverse_mu_law(bin_centre(index)))) == index).all()
    inside = np.linspace(-1, 1, 1024 * 50, endpoint=False) + 1 / (1024 * 50)
    assert np.mean(bin_centre(bin_index(inside)) - inside) == pytest.approx(0, abs=1e-12)


@given(st.lists(finite, min_size=5, max_size=5))
def test_actions_are_total_and_round_trip(embodiment, values):
    layout = token_layout(embodiment.spec, PAPER)
    ids = tokenize_actions(layout, np.array(values))
    assert ids.dtype == np.int32 and (ids >= 32000).all() and (ids < 33024).all()
    decoded = decode_actions(layout, ids)
    clipped = np.clip(values, layout.action_lower, layout.action_upper)
    half_bin = (embodiment.action_upper - embodiment.action_lower) / 2048
    assert (np.abs(decoded - clipped)[:4] <= half_bin[:4] + 1e-12).all()
    assert decoded[4] in (0.0, 0.085)
    assert (tokenize_actions(layout, decoded)[:4] == ids[:4]).all()


@given(finite)
def test_range_encoding_is_total_and_fine(embodiment, x):
    layout = token_layout(embodiment.spec, PRESETS["sawyer_small"])
    item = next(item for item in layout.items if item.key == "gripper/opening")
    index = bin_index(encode(layout, item, np.array([x])))
    assert 0 <= index[0] <= 1023
    assert abs(decode(layout, item, 32000 + index)[0] - np.clip(x, 0, 0.085)) <= 0.085 / 2048 + 1e-12


def test_layout_of_the_paper(embodiment):
    layout = token_layout(embodiment.spec, PAPER)
    assert (layout.patches, layout.values, layout.actions, layout.step_tokens) == (128, 22, 5, 156)
    assert [item.key for item in layout.items] == sorted(PAPER.observation_keys)
    assert (SEPARATOR, PAD) == (33024, 33025)
    # Appendix C.3: 128 px in patches of 16: intervals of 16 codes, the mean at evaluation is 8, 24, ... 120.
    assert layout.patch_intervals[:8, 1].mean(-1).tolist() == list(range(8, 128, 16))
    assert layout.patch_intervals[9].tolist() == [[16, 32], [16, 32]]


def test_tokens_come_from_the_places_the_layout_names(embodiment, observations):
    config = PRESETS["sawyer_small"]
    layout, values = token_layout(embodiment.spec, config), observations(config.observation_keys)
    tokens = tokenize(layout, values)
    left = values["basket_front_left/pixels"]
    assert tokens.patches.shape == (24, 32, 32, 3) and tokens.patches.dtype == np.uint8
    assert (tokens.patches[5] == left[32:64, 32:64]).all()
    assert (tokens.patches[12] == values["basket_front_right/pixels"][:32, :32]).all()
    assert tokens.ids[0] == values["gripper/grasp"][0]
    assert tokens.ids[1] == 32000 + int(values["gripper/opening"][0] / 0.085 * 1024)


@pytest.mark.parametrize("preset", ["sawyer_small", "gato_79m"])
def test_leading_axes_change_nothing(embodiment, observations, preset):
    config = PRESETS[preset]
    layout, values = token_layout(embodiment.spec, config), observations(config.observation_keys, (2, 3))
    batch = tokenize(layout, values)
    one = tokenize(layout, {key: value[1, 2] for key, value in values.items()})
    assert (batch.patches[1, 2] == one.patches).all() and (batch.ids[1, 2] == one.ids).all()


def test_tokens_follow_the_keys_wherever_the_images_sort(embodiment, observations):
    values = observations(embodiment.observation_keys)
    text = embodiment.model_dump(by_alias=True)
    text["observations"]["zoom/pixels"] = text["observations"].pop("basket_front_left/pixels")
    renamed = type(embodiment).model_validate(text)
    config = replace(PAPER, observation_keys=("zoom/pixels", "gripper/opening", "basket_front_right/pixels"))
    layout = token_layout(renamed.spec, config)
    assert [item.first for item in layout.items] == [0, 64, 65]
    assert layout.order.tolist() == [*range(64), 128, *range(64, 128)]
    tokens = tokenize(layout, {**values, "zoom/pixels": values["basket_front_left/pixels"]})
    assert (tokens.patches[64] == values["basket_front_left/pixels"][:16, :16]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_is_refused_by_name(embodiment, observations, bad):
    layout = token_layout(embodiment.spec, PRESETS["sawyer_small"])
    values = observations(PRESETS["sawyer_small"].observation_keys)
    values["sawyer/pinch/pose"][2] = bad
    with pytest.raises(NonFiniteError, match=r"sawyer/pinch/pose\[2\]"):
        tokenize(layout, values)
    with pytest.raises(NonFiniteError, match="action"):
        tokenize_actions(layout, np.array([0, 0, bad, 0, 0]))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"gripper/opening": None}, KeyError, "gripper/opening"),
        ({"gripper/opening": np.zeros(2)}, ValueError, "expected shape"),
        ({"basket_front_left/pixels": np.zeros((64, 64, 3), np.uint8)}, ValueError, "128 128 3"),
        ({"basket_front_left/pixels": np.zeros((128, 128, 3))}, ValueError, "uint8"),
        ({"gripper/grasp": np.array([2.0])}, ValueError, r"\[0, 2\)"),
        ({"gripper/grasp": np.array([0.5])}, ValueError, "integers"),
    ],
)
def test_wrong_observations_are_refused(embodiment, observations, change, error, words):
    config = PRESETS["sawyer_small"]
    values = {**observations(config.observation_keys), **change}
    values = {key: value for key, value in values.items() if value is not None}
    with pytest.raises(error, match=words):
        tokenize(token_layout(embodiment.spec, config), values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"observation_keys": ("gripper/openin",)}, "gripper/opening"),
        ({"observation_keys": ()}, "at least one"),
        ({"crop": Crop(bottom=30)}, "multiple of 32"),
        ({"text_rows": 1}, "text_rows"),
    ],
)
def test_layouts_that_cannot_be(embodiment, change, words):
    with pytest.raises(SetupError, match=words):
        token_layout(embodiment.spec, replace(PRESETS["sawyer_small"], **change))


@pytest.mark.fault("M3")
@pytest.mark.parametrize("ids", [[31999] * 5, [33024] * 5])
def test_action_ids_out_of_range(embodiment, ids):
    with pytest.raises(ValueError, match="action ids"):
        decode_actions(token_layout(embodiment.spec, PAPER), np.array(ids))
