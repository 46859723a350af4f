import numpy as np
import pytest

from gato_ros.core.guard.joint_watch import NOISE_RAD, OUTSIDE_RAD, OUTWARD_RAD_S, JointWatch
from tests.core.guarded_arm import SPEED, START, robot_state

LOWER, UPPER = START - 1.0, START + 1.0


@pytest.fixture
def watch():
    watch = JointWatch(SPEED, LOWER, UPPER, 0.01)
    assert not watch.jumped(robot_state(START, 1.0))
    return watch


@pytest.mark.parametrize("joint", range(7))
@pytest.mark.parametrize("passed_s", [0.002, 0.01, 0.05])
def test_twice_the_largest_speed_and_the_noise_are_a_jump_and_less_is_not(watch, joint, passed_s):
    most = 2 * SPEED[joint] * (passed_s + 0.01) + 0.005
    step = np.eye(7)[joint]
    for sign in (1, -1):
        assert not JointWatch(SPEED, LOWER, UPPER, 0.01).jumped(robot_state(START + 9, 0.0)), "nothing to compare with"
        assert not watch.jumped(robot_state(START + sign * step * (most - 1e-6), 1.0 + passed_s))
        assert watch.jumped(robot_state(START, 1.0 + passed_s + 1e-9))  # straight back in no time
        watch.jumped(robot_state(START, 1.0))


def test_a_jump_is_reported_once_and_the_same_message_twice_is_none(watch):
    far = robot_state(START + 0.3, 1.01)
    assert watch.jumped(far) and not watch.jumped(far)
    assert not watch.jumped(robot_state(START + 0.3, 1.02))


def test_the_clock_by_which_more_time_passed_counts(watch):
    from dataclasses import replace

    state = robot_state(START + 0.3, 1.2)
    for name in ("stamp_s", "received_s"):
        fresh = JointWatch(SPEED, LOWER, UPPER, 0.01)
        fresh.jumped(robot_state(START, 1.0))
        other = {"stamp_s": robot_state(START, 1.001).stamp_s, "received_s": 1.001}[name]
        assert not fresh.jumped(replace(state, **{name: other}))
    back = JointWatch(SPEED, LOWER, UPPER, 0.01)
    back.jumped(robot_state(START, 1.0))
    assert back.jumped(robot_state(START + 0.3, 0.5)), "time that runs back gives no room"


def test_a_joint_outside_may_only_come_back(watch):
    out = START.copy()
    out[1], out[3] = UPPER[1] + 0.011, LOWER[3] - 0.011
    np.testing.assert_array_equal(watch.outside(out), [0, 1, 0, -1, 0, 0, 0])
    np.testing.assert_array_equal(watch.outside(np.where(np.arange(7) < 4, UPPER + 0.009, LOWER - 0.009)), 0)
    still = np.zeros(7)
    assert not watch.leaves_further(out, still)
    assert watch.leaves_further(out, still + np.eye(7)[1] * 0.002)
    assert watch.leaves_further(out, still - np.eye(7)[3] * 0.002)
    assert not watch.leaves_further(out, np.eye(7)[3] - np.eye(7)[1])
    assert not watch.leaves_further(START, np.ones(7))
    assert not watch.leaves_further(out, still + np.eye(7)[1] * 0.0005), "what rounding makes"


def test_the_bounds_themselves_are_no_fault():
    zero, one = np.zeros(7), np.ones(7)
    watch = JointWatch(one, zero, zero, 0.25)
    assert watch.jumped(robot_state(zero, 1.0)) is False
    assert watch.jumped(robot_state(one * (2.0 * 0.5 + NOISE_RAD), 1.25)) is False
    assert watch.outside(one * OUTSIDE_RAD).tolist() == [0] * 7 == watch.outside(-one * OUTSIDE_RAD).tolist()
    assert not watch.leaves_further(one, one * OUTWARD_RAD_S) and watch.leaves_further(one, one * 2 * OUTWARD_RAD_S)
