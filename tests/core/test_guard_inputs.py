"""Ages on two clocks, and the pace that keeps in step with the cameras."""

import math

import numpy as np
import pytest

from gato_ros.core.timing.freshness import Instant, Sample, timing_fault
from gato_ros.core.timing.pace import Pace

NOW = Instant(steady_s=100.0, clock_s=5000.0)


@pytest.mark.parametrize(
    "stamp_s, received_s, fault",
    [
        (4999.95, 99.95, None),
        (4999.5, 99.99, "stale"),  # it travelled for long
        (4999.99, 99.5, "stale"),  # nothing new has come
        (5000.04, 100.0, None),  # clocks of two machines
        (5000.2, 99.99, "future_stamp"),
        (1e18, 99.99, "future_stamp"),
        (4999.99, 101.0, "future_stamp"),
        (0.0, 99.99, "stale"),  # never stamped
        (math.nan, 99.99, "future_stamp"),
        (4999.99, math.nan, "future_stamp"),
        (-math.inf, 99.99, "stale"),
    ],
)
def test_the_worse_of_two_ages_counts(stamp_s, received_s, fault):
    assert timing_fault(Sample(None, stamp_s, received_s), NOW, 0.1, 0.05) == fault


@pytest.mark.parametrize(
    "stamp_s, received_s, fault",
    [
        (4999.75, 100.0, None),
        (5000.0, 99.75, None),
        (5000.5, 100.0, None),
        (4999.625, 100.0, "stale"),
        (5000.0, 99.625, "stale"),
        (5000.625, 100.0, "future_stamp"),
        (5000.0, 100.125, "future_stamp"),
    ],
)
def test_the_limits_themselves_are_allowed(stamp_s, received_s, fault):
    assert timing_fault(Sample(None, stamp_s, received_s), NOW, 0.25, 0.5) == fault  # exact in binary


def test_nothing_is_missing():
    assert timing_fault(None, NOW, 0.1, 0.05) == "missing"


def run_pace(camera_period_s: float, seconds: float, jitter_s: float = 0.0, offset_s: float = 0.03) -> np.ndarray:
    """Times of the ticks when camera frames arrive with that period and a uniform jitter."""
    rng = np.random.default_rng(0)
    arrivals = offset_s + np.arange(0, seconds + 1, camera_period_s)
    arrivals = arrivals + rng.uniform(0, jitter_s, len(arrivals))
    pace, ticks, used = Pace(0.05, 0.0), [], -1
    while not ticks or ticks[-1] < seconds:
        newest = int(np.searchsorted(arrivals, pace.earliest_s, side="right")) - 1
        if newest <= used:
            newest = used + 1 if arrivals[used + 1] <= pace.latest_s else used
        started = max(pace.earliest_s, arrivals[newest]) if newest > used else pace.latest_s
        newest = int(np.searchsorted(arrivals, started, side="right")) - 1
        ticks.append(started)
        used = newest
        pace.acted(started + 0.002, arrivals[newest] if newest >= 0 else None)
    return np.array(ticks)


def test_the_phase_of_the_cameras_is_found_and_frames_do_not_wait():
    ticks = run_pace(0.05, 20.0, jitter_s=0.004)
    waits = (ticks - 0.03) % 0.05
    assert np.percentile(waits[20:], 99) < 0.006


@pytest.mark.parametrize("camera_hz", [15.0, 20.0, 25.0, 30.0, 50.0, 60.0])
def test_the_rate_is_the_control_rate_whatever_the_cameras_do(camera_hz):
    ticks = run_pace(1.0 / camera_hz, 60.0)
    assert len(ticks) / ticks[-1] == pytest.approx(20.0, abs=0.2)


def test_ticks_that_lie_in_the_past_are_dropped_and_counted():
    pace = Pace(0.05, 1.0)
    pace.acted(1.23, None)
    assert pace.take_missed() == 4 and pace.take_missed() == 0
    assert pace.latest_s > 1.23
