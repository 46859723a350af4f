"""A device that repeats itself: from when on, and what ends it."""

import pytest

from gato_ros.core.teleop.repeat_watch import RepeatWatch


@pytest.fixture
def watch():
    return RepeatWatch(2.0)


def repeat(watch, message, since_s, until_s):
    """As a node that repeats at 50 Hz does."""
    for i in range(round((until_s - since_s) / 0.02) + 1):
        watch.received("joy", message, since_s + 0.02 * i)


def test_repeats_count_from_the_last_change(watch):
    repeat(watch, (0.0, 0), 0.0, 10.0)
    repeat(watch, (1.0, 1), 10.0, 11.98)
    assert not watch.stuck(11.98) and not watch.stuck(12.0)
    assert watch.stuck(12.01)


@pytest.mark.parametrize("other", [(1.0, 0.01, 1), (1.0, 0.0, 0), (0.99, 0.0, 1)])
def test_any_change_of_the_whole_message_ends_it(watch, other):
    repeat(watch, (1.0, 0.0, 1), 0.0, 3.0)
    assert watch.stuck(3.0)
    watch.received("joy", other, 3.02)
    assert not watch.stuck(5.0) and watch.stuck(5.03)


def test_a_stick_at_its_end_stop_beside_an_axis_that_moves(watch):
    for i in range(1000):
        watch.received("joy", (1.0, 0.01 * (i // 90 % 2)), 0.02 * i)
        assert not watch.stuck(0.02 * i)


def test_a_change_on_either_topic_counts(watch):
    for i in range(300):
        watch.received("joy", 1, 0.02 * i)
        watch.received("motion", i // 50, 0.02 * i)
    assert not watch.stuck(6.0)
    repeat(watch, 1, 6.0, 8.0)
    assert watch.stuck(8.0)


def test_the_same_again_after_a_silence_is_no_change(watch):
    repeat(watch, 1, 0.0, 1.0)
    repeat(watch, 1, 5.0, 5.1)
    assert watch.stuck(5.1)


def test_zero_switches_it_off():
    watch = RepeatWatch(0.0)
    repeat(watch, 1, 0.0, 1.0)
    assert not watch.stuck(1e9)
