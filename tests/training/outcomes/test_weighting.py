"""How often a policy's own steps count, against numbers computed by hand."""

import numpy as np
import pytest

from gato_ros.training.outcomes.weighting import (
    advantage_weights,
    advantages,
    effective_steps,
    mixed,
    success_weights,
)


def test_a_failed_episode_counts_nothing_and_a_success_once():
    quick, failed, slow = success_weights([2, 3, 4], [True, False, True])
    assert failed.tolist() == [0, 0, 0]
    assert quick.tolist() == [0.5, 0.5] and slow.tolist() == [0.25] * 4


@pytest.mark.parametrize(
    "succeeded, trace, expected",
    [
        (True, 0.5, [0.5 * 0.8 + 0.5 * 1.0 - 0.5, 1.0 - 0.8]),
        (False, 0.5, [0.5 * 0.8 + 0.5 * 0.0 - 0.5, 0.0 - 0.8]),
        (True, 1.0, [1.0 - 0.5, 1.0 - 0.8]),  # the outcome alone
        (False, 0.0, [0.8 - 0.5, 0.0 - 0.8]),  # the next value alone
    ],
)
def test_advantages_are_those_computed_by_hand(succeeded, trace, expected):
    assert advantages(np.array([0.5, 0.8]), succeeded, trace) == pytest.approx(expected)


def test_advantage_weights_are_exponentials_up_to_the_largest():
    found = advantage_weights(np.array([-0.4, 0.0, 0.2, 0.9, 500.0]), temperature=0.2)
    assert found == pytest.approx([np.exp(-2), 1.0, np.e, 20.0, 20.0])  # exp(4.5) is 90


def test_demonstrations_fill_their_share_of_what_is_drawn():
    assert mixed(np.array([0.0, 1.0, 3.0]), 2, 0.25) == pytest.approx([0.125, 0.125, 0.0, 0.1875, 0.5625])
    assert mixed(np.array([0.0, 1.0]), 0, 0.25).tolist() == [0.0, 1.0]


def test_effective_steps_are_few_where_few_have_the_weight():
    assert effective_steps(np.array([2.0, 2.0, 0.0])) == pytest.approx(2)
    assert effective_steps(np.array([100.0, 1.0, 1.0])) == pytest.approx(102**2 / 10002)
