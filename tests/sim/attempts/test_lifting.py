"""Stages and failure classes of a lift, as a sequence of facts."""

import numpy as np
import pytest

from gato_ros.sim.attempts import HOLD_STEPS, LiftAttempt, Situation
from gato_ros.sim.attempts.lifting import HEIGHT_M

FLOOR = np.array([0.55, 0.0, 0.075])
FAR = np.array([0.6, 0.1, 0.3])


def now(rise=0.0, gripped=("red",), touches=("robot",), tool=None, other_rise=0.0):
    red, green = FLOOR + [0, 0, rise], np.array([0.65, 0.05, 0.075 + other_rise])
    centres = {"red": red, "green": green, "blue": green - [0, 0.1, other_rise]}
    return Situation(red if tool is None else tool, centres, frozenset(gripped), frozenset(touches))


START = now(gripped=(), touches=("ground",), tool=FAR)
REACH = now(gripped=(), touches=("ground",))
GRIP = now(touches=("ground", "robot"))
LIFT = now(0.05)
HELD = now(HEIGHT_M + 0.001)
WRONG = now(gripped=("green",), touches=("ground",), tool=FAR, other_rise=0.05)


@pytest.mark.parametrize(
    ("ticks", "stage", "failure"),
    [
        ([START], "none", "never_reached"),
        ([REACH], "reached", "missed_grasp"),
        ([REACH, GRIP], "grasped", "missed_grasp"),
        ([GRIP, LIFT], "lifted", "time"),
        ([GRIP, LIFT, START], "lifted", "dropped"),
        ([GRIP] + [LIFT] * 2 * HOLD_STEPS, "lifted", "time"),
        ([GRIP] + [HELD] * (HOLD_STEPS - 1), "lifted", "time"),
        ([GRIP] + [HELD] * (HOLD_STEPS - 1) + [START], "lifted", "dropped"),
        ([GRIP] + [HELD] * HOLD_STEPS, "held", None),
        ([WRONG], "none", "wrong_object"),
        ([WRONG, GRIP] + [HELD] * HOLD_STEPS, "lifted", "wrong_object"),
    ],
)
def test_stage_and_failure(ticks, stage, failure):
    attempt = LiftAttempt("red", START)
    for tick in ticks:
        attempt.update(tick)
    assert (attempt.stage, attempt.failure) == (stage, failure)
    assert stage in attempt.stages and (failure is None or failure in attempt.failures)
    assert attempt.succeeded is (failure is None)


@pytest.mark.parametrize(
    "situation",
    [
        now(HEIGHT_M - 0.001),
        now(0.1, touches=("robot", "green")),
        now(0.1, touches=("robot", "ground")),
        now(0.1, gripped=()),
        now(0.1, gripped=("red", "green"), other_rise=0.05),
    ],
    ids=["too low", "on another", "against the basket", "not between the fingers", "with another"],
)
def test_what_is_no_lift(situation):
    attempt = LiftAttempt("red", START)
    assert LiftAttempt("red", START).update(HELD)
    assert not any(attempt.update(situation) for _ in range(HOLD_STEPS)) and not attempt.succeeded
