"""Stages and failure classes of a stacking, as a sequence of facts."""

import numpy as np
import pytest

from gato_ros.sim.attempts import HOLD_STEPS, Situation, StackAttempt

BASE = np.array([0.65, 0.05, 0.075])
FLOOR = np.array([0.55, 0.0, 0.075])
FAR = np.array([0.6, 0.1, 0.3])


def at(height, over=False):
    return np.array([*(BASE if over else FLOOR)[:2], height])


def now(tool, top, gripped=False, stands=False, other_height=FLOOR[2], other_gripped=False):
    """Red is to stand on blue; green is the third one."""
    centres = {"red": top, "blue": BASE, "green": np.array([0.5, -0.05, other_height])}
    held = ({"red"} if gripped else set()) | ({"green"} if other_gripped else set())
    return Situation(tool, centres, frozenset(held), frozenset({"blue"} if stands else {"ground"}))


START = now(FAR, FLOOR)
REACH = now(FLOOR + [0, 0, 0.01], FLOOR)
GRIP = now(FLOOR, FLOOR, gripped=True)
LIFT = now(at(0.15), at(0.15), gripped=True)
CARRY = now(at(0.15, over=True), at(0.13, over=True), gripped=True)
STAND = now(at(0.25, over=True), at(0.125, over=True), stands=True)
WRONG = now(FAR, FLOOR, other_height=0.15, other_gripped=True)
FALLEN = now(at(0.25, over=True), FLOOR)


@pytest.mark.parametrize(
    ("ticks", "stage", "failure"),
    [
        ([START], "none", "never_reached"),
        ([REACH], "reached", "missed_grasp"),
        ([WRONG], "none", "wrong_object"),
        ([REACH, WRONG, REACH, GRIP], "grasped", "wrong_object"),
        ([WRONG, REACH, GRIP, LIFT, FALLEN], "lifted", "dropped"),
        ([REACH, GRIP], "grasped", "missed_grasp"),
        ([REACH, GRIP, LIFT], "lifted", "time"),
        ([REACH, GRIP, LIFT, FALLEN], "lifted", "dropped"),
        ([REACH, GRIP, LIFT, CARRY], "over_base", "time"),
        ([GRIP, LIFT, CARRY, now(FAR, at(0.10, over=True))], "over_base", "misplaced"),
        ([GRIP, LIFT, CARRY, STAND, FALLEN], "over_base", "toppled"),
        ([GRIP, LIFT, CARRY] + [STAND] * (HOLD_STEPS - 1), "over_base", "toppled"),
        ([GRIP, LIFT, CARRY] + [STAND] * HOLD_STEPS, "stacked", None),
    ],
)
def test_stage_and_failure(ticks, stage, failure):
    attempt = StackAttempt("red", "blue", START)
    for tick in ticks:
        attempt.update(tick)
    assert (attempt.stage, attempt.failure) == (stage, failure)
    assert stage in attempt.stages and (failure is None or failure in attempt.failures)
    assert attempt.succeeded is (failure is None)


def test_a_stack_counts_even_if_it_falls_later():
    attempt = StackAttempt("red", "blue", START)
    for tick in [GRIP, LIFT, CARRY] + [STAND] * HOLD_STEPS + [FALLEN] * 3:
        attempt.update(tick)
    assert attempt.succeeded and attempt.failure is None and attempt.held == 0
