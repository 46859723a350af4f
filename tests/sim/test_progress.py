"""Stages and failure classes of an episode, as a sequence of facts."""

import numpy as np
import pytest

from gato_ros.sim import task
from gato_ros.sim.progress import FAILURES, Progress

BASE = np.array([0.65, 0.05, 0.075])
FLOOR = np.array([0.55, 0.0, 0.075])
FAR = np.array([0.6, 0.1, 0.3])


def at(height, over=False):
    return np.array([*(BASE if over else FLOOR)[:2], height])


REACH = (FLOOR + [0, 0, 0.01], FLOOR, False, False)
GRIP = (FLOOR, FLOOR, True, False)
LIFT = (at(0.15), at(0.15), True, False)
CARRY = (at(0.15, over=True), at(0.13, over=True), True, False)
STAND = (at(0.25, over=True), at(0.125, over=True), False, True)
WRONG = (FAR, FLOOR, False, False, True)
FALLEN = (at(0.25, over=True), FLOOR, False, False)


@pytest.mark.parametrize(
    ("ticks", "stage", "failure"),
    [
        ([(FAR, FLOOR, False, False)], "none", "never_reached"),
        ([REACH], "reached", "missed_grasp"),
        ([WRONG], "none", "wrong_object"),
        ([REACH, WRONG, REACH, GRIP], "grasped", "wrong_object"),
        ([WRONG, REACH, GRIP, LIFT, FALLEN], "lifted", "dropped"),
        ([REACH, GRIP], "grasped", "missed_grasp"),
        ([REACH, GRIP, LIFT], "lifted", "time"),
        ([REACH, GRIP, LIFT, FALLEN], "lifted", "dropped"),
        ([REACH, GRIP, LIFT, CARRY], "over_base", "time"),
        ([GRIP, LIFT, CARRY, (FAR, at(0.10, over=True), False, False)], "over_base", "misplaced"),
        ([GRIP, LIFT, CARRY, STAND, FALLEN], "over_base", "toppled"),
        ([GRIP, LIFT, CARRY] + [STAND] * (task.HOLD_STEPS - 1), "over_base", "toppled"),
        ([GRIP, LIFT, CARRY] + [STAND] * task.HOLD_STEPS, "stacked", None),
    ],
)
def test_stage_and_failure(ticks, stage, failure):
    progress = Progress(FLOOR[2])
    for tool, top, *more in ticks:
        progress.update(tool, top, BASE, *more)
    assert (progress.stage, progress.failure) == (stage, failure)
    assert failure is None or failure in FAILURES
    assert progress.stacked is (failure is None)


def test_a_stack_counts_even_if_it_falls_later():
    progress = Progress(FLOOR[2])
    for tool, top, gripped, success in [GRIP, LIFT, CARRY] + [STAND] * task.HOLD_STEPS + [FALLEN] * 3:
        progress.update(tool, top, BASE, gripped, success)
    assert progress.stacked and progress.failure is None
