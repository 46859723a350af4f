import numpy as np
import pytest

from gato_ros.core.guard.moving_average import TimeAverage

WINDOW_S = 0.025


def test_a_constant_signal_is_its_own_mean_after_one_window():
    average = TimeAverage(WINDOW_S, 2)
    assert (average.push(np.zeros(2), 0.01) == 0.0).all()
    value = np.array([1.0, -2.0])
    average.push(value, 0.01)
    for _ in range(3):
        mean = average.push(value, 0.01)
    np.testing.assert_allclose(mean, value)
    assert (average.newest == value).all()


def test_a_straight_line_is_followed_half_a_window_late():
    average, line = TimeAverage(WINDOW_S, 1), np.array([3.0])
    for tick in range(1, 20):
        mean = average.push(line * tick * 0.01, 0.01)
    assert mean[0] == pytest.approx(3.0 * (0.19 - WINDOW_S / 2))


@pytest.mark.parametrize("seed", range(5))
def test_slope_and_its_change_are_bounded_whatever_the_times(seed):
    rng, average = np.random.default_rng(seed), TimeAverage(WINDOW_S, 1)
    value, before, slope, dt_before = 0.0, 0.0, 0.0, 0.0
    for _ in range(300):
        dt = rng.uniform(0.001, 0.02)
        value += rng.choice([-1.0, 1.0]) * 2.0 * dt
        mean = average.push(np.array([value]), dt)[0]
        new_slope = (mean - before) / dt
        assert abs(new_slope) <= 2.0 + 1e-9
        assert abs(new_slope - slope) <= 2 * 2.0 / WINDOW_S * (dt + dt_before) / 2 + 1e-9
        before, slope, dt_before = mean, new_slope, dt


@pytest.mark.parametrize("steps", [(0.01, 0.01, 0.01), (0.003, 0.02, 0.007), (0.04,), (0.001,) * 30, (0.025, 0.025)])
def test_what_is_ahead_is_what_comes_when_the_signal_stops(steps):
    average, rng = TimeAverage(WINDOW_S, 1), np.random.default_rng(1)
    for dt in steps:
        average.push(rng.normal(size=1), dt)
    ahead, fine = average.ahead()[0], 1e-5
    # A jump to zero, then the mean summed up; the jump is spread over one fine step.
    travelled = sum(average.push(np.zeros(1), fine)[0] * fine for _ in range(round(WINDOW_S / fine) + 5))
    assert travelled == pytest.approx(ahead, abs=2e-5)


def test_a_restart_goes_on_with_the_mean_and_its_slope():
    average = TimeAverage(WINDOW_S, 1)
    average.restart(np.array([0.5]), np.array([-4.0]))
    going_on = average.newest + np.array([-4.0]) * 0.01
    assert average.push(going_on, 0.01)[0] == pytest.approx(0.5 - 0.04)
    assert average.ahead().shape == (1,)


def test_the_newest_is_what_was_pushed_last():
    average = TimeAverage(WINDOW_S, 1)
    for value in (0.3, -0.2, 0.7):
        average.push(np.array([value]), 0.004)
        assert average.newest[0] == value
