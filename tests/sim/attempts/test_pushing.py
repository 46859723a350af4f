"""Stages and failure classes of a push, as a sequence of facts."""

import numpy as np
import pytest

from gato_ros.sim.attempts import HOLD_STEPS, PushAttempt, Situation
from gato_ros.sim.attempts.pushing import OTHER_MOVED_M, PUSHED_M

FLOOR = np.array([0.55, 0.0, 0.075])


def now(way=0.0, rise=0.0, touches=("ground", "robot"), gripped=(), other_way=0.0, other_rise=0.0):
    red, green = FLOOR + [way, 0, rise], np.array([0.65, 0.05 + other_way, 0.075 + other_rise])
    centres = {"red": red, "green": green, "blue": np.array([0.65, -0.05, 0.075])}
    return Situation(np.zeros(3), centres, frozenset(gripped), frozenset(touches))


START = now(touches=("ground",))
TOUCH = now(0.002)
MOVED = now(0.03)
THERE = now(PUSHED_M + 0.001)
LIFTED = now(0.02, 0.04, touches=("robot",), gripped=("red",))
REST = [THERE] * (HOLD_STEPS + 1)  # at the first of them it came there


@pytest.mark.parametrize(
    ("ticks", "stage", "failure"),
    [
        ([START], "none", "never_touched"),
        ([TOUCH], "touched", "not_moved"),
        ([now(0.03, touches=("ground",))], "none", "never_touched"),
        ([now(0.1, touches=("ground",))] * 2 * HOLD_STEPS, "none", "never_touched"),
        ([TOUCH, MOVED], "moved", "short"),
        ([TOUCH] + [MOVED] * 2 * HOLD_STEPS, "moved", "short"),
        ([TOUCH, MOVED] + REST[:-1], "moved", "time"),
        ([TOUCH, MOVED] + REST, "pushed", None),
        ([TOUCH, MOVED] + REST[:-1] + [MOVED], "moved", "short"),
        ([TOUCH, LIFTED] + REST, "moved", "lifted"),
        ([TOUCH, now(other_way=OTHER_MOVED_M + 0.001)] + REST, "moved", "wrong_object"),
        ([now(other_rise=0.05, gripped=("green",))], "touched", "wrong_object"),
        ([TOUCH, now(other_way=OTHER_MOVED_M - 0.001)] + REST, "pushed", None),
    ],
)
def test_stage_and_failure(ticks, stage, failure):
    attempt = PushAttempt("red", START)
    for tick in ticks:
        attempt.update(tick)
    assert (attempt.stage, attempt.failure) == (stage, failure)
    assert stage in attempt.stages and (failure is None or failure in attempt.failures)
    assert attempt.succeeded is (failure is None)


def test_it_has_to_lie_on_the_floor_and_at_rest():
    gliding = [now(PUSHED_M + 0.001 * tick) for tick in range(1, 2 * HOLD_STEPS)]
    upon_another = [now(0.1, touches=("green",))] * 2 * HOLD_STEPS
    up_the_slope = [now(0.1, 0.03)] * 2 * HOLD_STEPS
    for ticks in (gliding, upon_another, up_the_slope):
        attempt = PushAttempt("red", START)
        assert [attempt.update(tick) for tick in [TOUCH, *ticks]].count(True) == 0 and attempt.failure == "time"
