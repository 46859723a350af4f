"""Figures of a topic's arrivals."""

import math

import pytest

from gato_ros.core.timing.arrivals import Arrivals, Timing


def received(*rows, window_s=10.0):
    arrivals = Arrivals(window_s)
    for stamp_s, received_s in rows:
        arrivals.add(stamp_s, received_s, 1000.0 + received_s)
    return arrivals


def test_figures_of_a_regular_topic():
    timing = received(*((1000.0 + 0.05 * i - 0.02, 0.05 * i) for i in range(21))).timing(1.01)
    assert timing.received == 21 and timing.rate_hz == pytest.approx(20.0) and timing.age_s == pytest.approx(0.02)
    assert timing.silent_s == pytest.approx(0.01) and timing.longest_gap_s == pytest.approx(0.05)
    assert timing.unstamped == timing.repeated == timing.backwards == 0


def test_messages_that_bunch_up_do_not_change_the_rate():
    timing = received(*((1000.0 + 0.01 * i, 0.05 * (i // 5)) for i in range(101))).timing(1.0)
    assert timing.rate_hz == pytest.approx(100.0)


def test_stamps_that_are_missing_repeated_or_go_back_are_counted():
    timing = received((0.0, 0.0), (1000.2, 0.1), (1000.2, 0.2), (1000.1, 0.3), (1000.9, 0.4)).timing(0.4)
    assert (timing.unstamped, timing.repeated, timing.backwards) == (1, 1, 1)


def test_a_stamp_that_stands_is_timed_from_its_first_message_to_its_last():
    moving = [(1000.0 + 0.1 * i, 0.1 * i) for i in range(5)]
    standing = [(1000.4, 0.1 * i) for i in range(5, 8)]
    assert (received(*moving).timing(0.4).standing, received(*moving).timing(0.4).stands_s) == (1, 0.0)
    timing = received(*moving, *standing).timing(0.8)
    assert timing.standing == 4 and timing.stands_s == pytest.approx(0.3)
    assert received(*moving, *standing, (1000.5, 0.8)).timing(0.8).standing == 1
    assert received(*standing).timing(0.8).standing == 3


def test_only_the_window_counts():
    arrivals = received((5000.0, 0.0), *((1000.0 + 0.1 * i, 0.1 * i) for i in range(50, 60)), window_s=1.0)
    assert arrivals.timing(5.9).backwards == 0 and arrivals.timing(5.9).received == 10
    assert arrivals.timing(8.0) == Timing()


def test_of_nothing_and_of_one_message_no_rate_is_claimed():
    assert received().timing(1.0) == Timing() and received().timing(1.0).silent_s == math.inf
    assert math.isnan(received((1000.0, 0.0)).timing(0.5).rate_hz)
