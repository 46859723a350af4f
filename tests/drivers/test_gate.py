"""What reaches the Sawyer, as mathematics: time and condition are arguments."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.drivers.sawyer_agent.frames import VELOCITY_MODE, Motion
from gato_ros.drivers.sawyer_agent.gate import LONGEST_VALID_NS, SPEED_LIMITS, ZEROS, Gate

JOINTS = tuple(SPEED_LIMITS)
MS = 1_000_000
NOW = 10**12


def motion(speed=0.1, until_ns=NOW + 100 * MS, mode=VELOCITY_MODE, joints=7):
    return Motion(mode, until_ns, 0, (speed,) * joints)


@pytest.fixture
def gate():
    made = Gate(JOINTS)
    made.arm()
    assert made.take(motion(0.0), NOW)
    return made


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (motion(mode=1), "command mode 1"),
        (motion(mode=3), "command mode 3"),
        (motion(mode=4), "command mode 4"),
        (motion(mode=0), "command mode 0"),
        (motion(joints=6), "6 velocities for 7 joints"),
        (motion(math.nan), "not finite"),
        (motion(math.inf), "not finite"),
        (motion(1.5), "faster than its limit"),
        (motion(until_ns=NOW - 1), "late by"),
        (motion(until_ns=NOW + LONGEST_VALID_NS + 1), "too far ahead"),
        (motion(until_ns=2**64 - 1), "too far ahead"),
    ],
)
def test_a_command_that_is_not_right_is_refused_and_counted(gate, bad, complaint):
    assert not gate.take(bad, NOW)
    assert complaint in gate.last_refusal and gate.refused == 1
    assert gate.take(motion(), NOW)


def test_nothing_moves_before_it_is_armed_and_then_a_standstill_comes_first():
    gate = Gate(JOINTS)
    assert not gate.take(motion(), NOW) and gate.last_refusal == "not enabled"
    gate.arm()
    assert not gate.take(motion(), NOW) and "begins with a standstill" in gate.last_refusal
    assert gate.take(motion(0.0), NOW) and gate.take(motion(), NOW)
    gate.disarm("cuff held")
    assert not gate.take(motion(0.0), NOW) and gate.last_refusal == "cuff held; enable again"
    gate.disarm("later")
    gate.arm()
    assert not gate.take(motion(), NOW)


def test_past_its_deadline_a_motion_is_answered_by_zeros_and_then_by_silence(gate):
    assert gate.take(motion(until_ns=NOW + 100 * MS), NOW)
    assert not gate.tick(NOW + 100 * MS)
    said = [gate.tick(NOW + 100 * MS + 1 + i) for i in range(3 * ZEROS)]
    assert said == [True] * ZEROS + [False] * 2 * ZEROS and gate.stops == 1
    # A standing arm has nothing to be stopped.
    assert gate.take(motion(0.0, NOW + 200 * MS), NOW + 150 * MS)
    assert not gate.tick(NOW + 300 * MS) and gate.stops == 1


def test_a_disarmed_motion_ends_at_the_next_tick(gate):
    assert gate.take(motion(), NOW)
    gate.disarm("emergency stop")
    assert gate.tick(NOW + 1) and gate.stops == 1


def test_a_rest_ends_a_motion_and_begins_none(gate):
    gate.rest()
    assert not gate.tick(NOW) and gate.stops == 0
    assert gate.take(motion(), NOW)
    gate.rest()
    assert gate.tick(NOW) and gate.stops == 1 and gate.armed
    assert gate.take(motion(), NOW)
    gate.disarm("x")
    gate.arm()
    gate.rest()
    assert not gate.take(motion(), NOW), "a rest is no standstill that somebody has commanded"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.integers(-300, 300), st.floats(), st.integers(0, 4)),
            st.tuples(st.just("tick")),
            st.tuples(st.just("arm")),
            st.tuples(st.just("disarm")),
        ),
        max_size=60,
    ),
    st.lists(st.integers(0, 120), min_size=60, max_size=60),
)
def test_whatever_comes_in_whatever_order_no_motion_outlives_its_deadline(calls, gaps):
    """An oracle with the arm's own view: the last speed it got, and until when that was good."""
    gate, now, speed, until, armed, rested = Gate(JOINTS), NOW, 0.0, 0, False, False
    for call, gap in zip(calls, gaps):
        now += gap * MS
        if gate.tick(now):
            speed = 0.0
        assert not speed or now <= until
        if call[0] == "arm":
            gate.arm()
            armed, rested = True, False
        elif call[0] == "disarm":
            gate.disarm("x")
            armed = False
        elif call[0] == "take":
            _, ahead, wanted, mode = call
            if gate.take(motion(wanted, max(0, now + ahead * MS), mode), now):
                assert armed and mode == VELOCITY_MODE and math.isfinite(wanted) and abs(wanted) <= 1.328 * 1.01
                assert 0 <= ahead <= 200 and (rested or not wanted)
                speed, until, rested = wanted, now + ahead * MS, True
        if not armed and gate.tick(now):
            speed = 0.0
        assert armed or not speed
