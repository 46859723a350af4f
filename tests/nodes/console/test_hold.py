"""Hold to move: who holds, how it ends, and what never begins again by itself."""

import numpy as np
import pytest

from gato_ros.nodes.console.hold import MOTIONS, Hold

TIMEOUT_S, SLOWEST_S, STROKE_M = 0.12, 0.3, 0.085


@pytest.fixture
def hold():
    return Hold(TIMEOUT_S, SLOWEST_S)


def press(hold, now_s, *, session=1, number=1, motion="up", sent_s=None):
    """One word of a browser that got a beat at `sent_s`."""
    return hold.press(session, number, motion, hold.beat(now_s if sent_s is None else sent_s), now_s)


def test_nothing_is_held_at_first(hold):
    given = hold.read(1.0, STROKE_M)
    assert not given.claims and not given.deflection.any() and not hold.active


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_motion_moves_one_axis_or_the_gripper(hold, motion):
    assert press(hold, 1.0, motion=motion) == ""
    given = hold.read(1.05, STROKE_M)
    assert given.held and np.abs(given.deflection).sum() == (0.0 if motion in ("open", "close") else 1.0)
    assert given.opening_m == {"open": STROKE_M, "close": 0.0}.get(motion)


def test_motions_are_all_different():
    assert len({(MOTIONS[name], name in ("open", "close") and name) for name in MOTIONS}) == len(MOTIONS)


def test_a_browser_that_falls_silent_has_let_go(hold):
    press(hold, 1.0)
    assert hold.read(1.0 + TIMEOUT_S - 1e-6, STROKE_M).held
    assert not hold.read(1.0 + TIMEOUT_S + 1e-6, STROKE_M).claims and hold.ended == "silent"


def test_a_press_that_was_renewed_in_time_goes_on(hold):
    for step in range(20):
        assert press(hold, 1.0 + 0.1 * step) == ""
        assert hold.read(1.05 + 0.1 * step, STROKE_M).held


def test_a_press_that_ended_never_moves_the_arm_again(hold):
    press(hold, 1.0)
    assert not hold.read(1.2, STROKE_M).held
    assert press(hold, 1.21) == "over" and not hold.read(1.21, STROKE_M).held
    hold.release(1)
    assert press(hold, 1.22, number=2) == "" and hold.read(1.22, STROKE_M).held
    hold.release(1)
    assert press(hold, 1.23, number=2) == "over" and press(hold, 1.24, number=1) == "over"
    assert not hold.read(1.24, STROKE_M).held


def test_words_of_the_past_do_not_begin_a_motion(hold):
    assert press(hold, 2.0, sent_s=2.0 - SLOWEST_S - 0.01) == "slow"
    assert not hold.read(2.0, STROKE_M).held
    # The rest of the same press comes in time, and still does not count.
    assert press(hold, 2.01) == "over" and not hold.read(2.01, STROKE_M).held


def test_words_of_the_past_end_a_motion(hold):
    press(hold, 1.0)
    assert press(hold, 1.1, sent_s=0.7) == "slow" and not hold.read(1.1, STROKE_M).held


def test_a_beat_that_was_never_sent_is_of_the_past(hold):
    assert hold.press(1, 1, "up", 99, 1.0) == "slow" and hold.press(1, 2, "up", 0, 1.0) == "slow"


def test_only_one_browser_holds(hold):
    press(hold, 1.0)
    assert press(hold, 1.05, session=2, motion="down") == "busy"
    hold.release(2)
    assert hold.read(1.06, STROKE_M).deflection[2] == 1.0


def test_a_stop_ends_what_anybody_holds(hold):
    press(hold, 1.0)
    hold.stop()
    assert not hold.read(1.01, STROKE_M).claims and hold.ended == "stopped"
    assert press(hold, 1.02) == "over"


def test_an_unknown_motion_moves_nothing(hold):
    assert press(hold, 1.0, motion="jump") == "unknown" and not hold.active


def test_another_motion_needs_another_press(hold):
    press(hold, 1.0, motion="up")
    assert press(hold, 1.01, motion="down") == "over" and hold.read(1.01, STROKE_M).deflection[2] == 1.0
    assert press(hold, 1.02, number=2, motion="down") == "" and hold.read(1.02, STROKE_M).deflection[2] == -1.0
