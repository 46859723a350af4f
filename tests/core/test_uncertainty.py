import numpy as np
import pytest

from gato_ros.core.uncertainty import HOLD_PERIODS, UncertaintyHold, held_above


def held(above, entropies):
    """Whether each step is held."""
    hold = UncertaintyHold(above)
    return [bool(hold.look(np.full(5, entropy))) for entropy in entropies]


def test_a_run_of_uncertain_steps_is_held_from_its_fifth_until_it_ends():
    assert held(4.0, [5, 5, 5, 5, 5, 5, 3, 5, 5, 5, 5]) == [False] * 4 + [True] * 2 + [False] * 5
    assert not any(held(4.0, [5, 5, 5, 5, 4.0] * 10))  # above, not at
    assert not any(held(0.0, [7.0] * 20))  # switched off


def test_it_goes_by_the_mean_of_the_dimensions_forgets_with_a_reset_and_needs_an_entropy():
    hold = UncertaintyHold(4.0)
    lopsided = np.array([6.9, 1.0, 1.0, 1.0, 1.0])
    assert not any(hold.look(lopsided) for _ in range(10))
    for _ in range(2):
        assert [bool(hold.look(lopsided + 3.0)) for _ in range(5)] == [False] * 4 + [True]
        hold.reset()
    assert not any(hold.look(None) for _ in range(10))
    reasons = [hold.look(np.full(5, 5.25)) for _ in range(6)]
    assert reasons[-1] == "uncertain: mean entropy 5.25 nat, above 4 for 6 control periods"


@pytest.mark.parametrize("seed", range(20))
def test_the_score_of_an_episode_is_the_bound_from_which_on_it_is_not_held(seed):
    entropies = np.random.default_rng(seed).uniform(1.0, 7.0, 40)
    score = held_above(entropies)
    assert any(held(score - 1e-6, entropies)) and not any(held(score + 1e-6, entropies))
    assert held_above(entropies[: HOLD_PERIODS - 1]) == 0.0
