"""The probability of success that is read off features."""

import numpy as np
import pytest

from gato_ros.training.outcomes.value import cross_fitted, fitted


def episodes(count=40, steps=5, seed=0):
    """The first of three numbers tells how an episode ends; the second is noise, the third always the same."""
    rng = np.random.default_rng(seed)
    good = [bool(place % 2) for place in range(count)]
    tells = [np.full((steps, 1), 1.0 if end else -1.0) + 0.3 * rng.normal(size=(steps, 1)) for end in good]
    return [np.concatenate([one, rng.normal(size=(steps, 1)), np.ones((steps, 1))], 1) for one in tells], good


def test_a_value_tells_good_steps_from_bad_ones():
    value = fitted(*episodes())
    low, even, high = value.probability(np.array([[-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]))
    assert low < 0.15 and 0.35 < even < 0.65 and high > 0.85


def test_a_value_of_equal_outcomes_is_the_rate_with_one_more_of_each():
    features, good = episodes(count=8)
    assert fitted(features, [True] * 8).probability(features[0]) == pytest.approx(9 / 10, abs=1e-3)
    assert fitted(features, [False] * 8).probability(features[0]) == pytest.approx(1 / 10, abs=1e-3)


def test_no_value_has_seen_how_its_own_episode_ends():
    features, good = episodes(count=12)
    turned = [not end if place == 5 else end for place, end in enumerate(good)]
    before, after = cross_fitted(features, good), cross_fitted(features, turned)
    assert np.array_equal(before[5], after[5]) and np.array_equal(before[1], after[1])  # of one fold
    assert not np.array_equal(before[4], after[4])
    assert [len(one) for one in before] == [5] * 12


def test_one_episode_alone_has_no_value():
    with pytest.raises(ValueError, match="two episodes"):
        cross_fitted([np.zeros((3, 2))], [True])
