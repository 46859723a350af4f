import numpy as np
import pytest

from gato_ros.core.guard.stop_ramp import StopRamp

VELOCITY = np.array([0.4, -0.2])


@pytest.mark.parametrize("straight_s, round_s", [(0.06, 0.01), (0.004, 0.01), (0.01, 0.01), (0.05, 0.0)])
def test_it_slows_down_from_the_first_instant_and_ends_in_exact_zero(straight_s, round_s):
    ramp = StopRamp(VELOCITY, straight_s, round_s)
    assert ramp.duration_s == pytest.approx(straight_s + round_s)
    times = np.linspace(0.0, ramp.duration_s, 400)
    shares = np.array([ramp.share(time) for time in times])
    assert shares[0] == 1.0 and shares[-1] == 0.0 and ramp.share(1.0) == 0.0
    assert (np.diff(shares)[:-1] < 0.0).all() and (shares >= 0.0).all()
    # The deceleration is speed over `straight_s` at most, and its own change that over `round_s`.
    rates = -np.diff(shares) / np.diff(times)
    assert rates.max() <= 1.0 / max(straight_s, round_s) * (1 + 1e-6)
    if round_s:
        assert np.abs(np.diff(rates) / np.diff(times)[1:]).max() <= 1.0 / (straight_s * round_s) * 1.02
    # Half the time at full speed.
    assert ((shares[1:] + shares[:-1]) / 2 * np.diff(times)).sum() == pytest.approx(ramp.duration_s / 2, rel=1e-3)


@pytest.mark.parametrize("straight_s, round_s", [(0.06, 0.01), (0.004, 0.01), (0.05, 0.0)])
def test_its_slope_is_the_derivative(straight_s, round_s):
    ramp, step_s = StopRamp(VELOCITY, straight_s, round_s), 1e-7
    for time in np.linspace(0.001, ramp.duration_s - 0.0013, 9):
        change = (ramp.share(time + step_s) - ramp.share(time - step_s)) / (2 * step_s)
        np.testing.assert_allclose(ramp.slope(time), VELOCITY * change, atol=1e-4)
    assert not ramp.slope(ramp.duration_s).any() and not ramp.slope(9.0).any()


def test_an_arm_at_rest_has_nothing_to_stop():
    for round_s in (0.0, 0.01):
        ramp = StopRamp(np.zeros(2), 0.0, round_s)
        assert ramp.share(round_s) == 0.0 and not ramp.slope(0.0).any()
        assert 0.0 <= ramp.share(round_s / 2) <= 1.0


def test_its_end_is_rest_though_rounding_says_almost():
    for straight_s in (0.06, 0.004):
        ramp = StopRamp(VELOCITY, straight_s, 0.01)
        before_s = ramp.duration_s * (1.0 - 1e-6)
        assert before_s < ramp.duration_s and ramp.share(before_s) == 0.0
        assert ramp.share(ramp.duration_s * 0.99) > 1e-6


def test_a_stop_that_only_its_rounding_takes_time():
    ramp = StopRamp(VELOCITY, 0.0, 0.01)
    np.testing.assert_allclose([ramp.share(time_s) for time_s in (0.0, 0.0025, 0.005)], [1.0, 0.75, 0.5])
    np.testing.assert_allclose(ramp.slope(0.004), -VELOCITY / 0.01)
    assert not ramp.slope(0.0).any()
