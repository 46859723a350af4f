"""What a policy looks at: hidden places are the right ones, their effects are what the model computes."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.core.observation import Observation
from gato_ros.models.config import Crop
from gato_ros.models.gato import forward_step
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.serving.saliency import MOST_CELLS, Cells, Saliency
from gato_ros.models.tokenizer import StepTokens, tokenize

ONE_PASS, STREAMING = PRESETS["debug_one_pass"], PRESETS["debug"]


@pytest.fixture(scope="module")
def policies(embodiment, fresh):
    """A policy of single steps, and one that remembers."""

    def policy(config):
        return GatoPolicy(fresh(config, token_layout(embodiment.spec, config), 0, 0.3), config, embodiment)

    return {"single steps": policy(ONE_PASS), "a memory": policy(STREAMING)}


def last(pieces):
    *between, maps = pieces
    assert len(between) > 1 and all(one is None for one in between)
    return maps


def crop(rows: tuple[int, int], columns: tuple[int, int] = (0, 0)) -> Crop:
    return Crop(top=rows[0], bottom=rows[1], left=columns[0], right=columns[1])


@pytest.mark.parametrize("coarse", [False, True], ids=["fine", "coarse"])
def test_cells_fill_what_the_policy_sees(embodiment, coarse):
    layout = token_layout(embodiment.spec, ONE_PASS)
    cells = Cells(layout, coarse)
    assert cells.size_px == Cells(layout).size_px * (2 if coarse else 1)
    _, pixels = np.unique(cells.labels, return_counts=True)
    assert len(pixels) == cells.count <= MOST_CELLS and set(pixels) == {cells.size_px**2}


def test_a_hidden_cell_is_the_mean_and_nothing_else_changes(embodiment, observations):
    layout = token_layout(embodiment.spec, ONE_PASS)
    cells, keys = Cells(layout), [item.key for item in layout.items]
    patches = np.asarray(tokenize(layout, observations(keys)).patches)
    whole, hidden = cells.hidden(patches, np.array([-1, 3]))
    assert np.array_equal(whole, patches)
    own = cells.labels == 3
    assert np.array_equal(hidden[~own], patches[~own])
    first = patches[: layout.images[0].tokens]
    assert np.array_equal(hidden[own], np.broadcast_to(first.mean((0, 1, 2)).astype(np.uint8), hidden[own].shape))


@pytest.mark.parametrize(("cropped", "shape"), [(crop((0, 32)), (8, 8)), (crop((24, 8)), (16, 16))], ids=str)
def test_a_map_covers_the_whole_picture(embodiment, cropped, shape):
    layout = token_layout(embodiment.spec, replace(ONE_PASS, patch_size=32, crop=cropped))
    cells = Cells(layout)
    maps = cells.maps(np.ones(cells.count, np.float32))
    assert list(maps) == [item.key for item in layout.images]
    for values in maps.values():
        assert values.shape == shape
        top, bottom = (edge * shape[0] // 128 for edge in (cropped.top, cropped.bottom))
        seen = values[top : shape[0] - bottom]
        assert (seen == 1.0).all() and values.sum() == seen.size


def test_an_effect_is_what_the_model_does_without_the_place(policies, embodiment, observations):
    policy = policies["single steps"]
    layout, values = policy.layout, observations(policy.observation_keys)
    item, size = layout.images[1], Saliency(policy).cells.size_px
    decision = policy.act(Observation(values, 1.0))
    maps = last(Saliency(policy).pieces(decision.trace.tokens, decision.trace.ids))

    painted = {key: value.copy() for key, value in values.items()}
    height, width = layout.cropped(item)
    top, left = layout.crop.top, layout.crop.left
    seen = values[item.key][top : top + height, left : left + width]
    place = (slice(top + size, top + 2 * size), slice(left + 2 * size, left + 3 * size))
    painted[item.key][place] = seen.reshape(-1, 3).mean(0).astype(np.uint8)

    def logs(values):
        tokens = tokenize(layout, values)
        batch = StepTokens(tokens.patches[None], tokens.ids[None])
        return jax.nn.log_softmax(forward_step(policy._params, policy.config, layout, batch).action_logits[0])

    with_it, without = logs(values), logs(painted)
    wanted = float((np.exp(with_it) * (with_it - without)).sum())
    unit = item.shape[0] // maps[item.key].shape[0]
    found = maps[item.key][place[0].start // unit, place[1].start // unit]
    assert wanted > 1e-4 and found == pytest.approx(wanted, rel=1e-2)


def test_a_picture_of_one_colour_has_no_place_that_counts(policies, observations):
    policy = policies["single steps"]
    values = observations(policy.observation_keys)
    values |= {item.key: np.full(item.shape, 90, np.uint8) for item in policy.layout.images}
    decision = policy.act(Observation(values, 1.0))
    maps = last(Saliency(policy).pieces(decision.trace.tokens, decision.trace.ids))
    assert all(one.max() < 1e-5 for one in maps.values())


@pytest.mark.parametrize("kind", ["single steps", "a memory"])
def test_steps_are_judged_as_they_were_decided(policies, observations, kind):
    policy = policies[kind]
    policy.reset()
    # Beyond the window and round the ring.
    for step in range(policy.info.reach_steps + 6):
        before = policy.remembered()
        decision = policy.act(Observation(observations(policy.observation_keys, seed=step), 1.0))
        tokens, ids = decision.trace.tokens, decision.trace.ids
        patches = np.asarray(tokens.patches)[None]
        logs = policy.log_probabilities(patches, tokens.ids, ids, before)[0]
        chosen = logs[np.arange(len(ids)), ids - policy.layout.action_start]
        np.testing.assert_allclose(np.exp(chosen), decision.trace.probability, rtol=1e-3, atol=1e-6)


def test_looking_changes_nothing_of_the_policy(policies, observations):
    policy = policies["a memory"]

    def actions(looks):
        policy.reset()
        found, before = [], None
        for step in range(4):
            before = policy.remembered() if looks else None
            decision = policy.act(Observation(observations(policy.observation_keys, seed=step), 1.0))
            found.append(decision.action.as_vector())
            if looks:
                last(Saliency(policy).pieces(decision.trace.tokens, decision.trace.ids, before))
        return np.array(found)

    assert np.array_equal(actions(True), actions(False))
