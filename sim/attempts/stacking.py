"""How far a stacking got, and what went wrong in those that were not stacked."""

from __future__ import annotations

import numpy as np

from gato_ros.sim.attempts.attempt import LIFTED_M, Attempt, Situation

SUCCESS_DISTANCE_M = 0.05
SUCCESS_HEIGHT_M = 0.02
OVER_BASE_M = 0.03


def is_stacked(top_position: np.ndarray, base_position: np.ndarray, base: str, touches: set[str]) -> bool:
    """The peer's sparse success at one instant; it forbids any touch between the upper object and the robot.

    Args:
        top_position, base_position: [3] object centres [m].
        base: colour of the lower object.
        touches: what the upper one is in contact with, out of the colours, "ground" and "robot".
    """
    offset = top_position - base_position
    return bool(
        np.hypot(offset[0], offset[1]) < SUCCESS_DISTANCE_M
        and offset[2] > SUCCESS_HEIGHT_M
        and base in touches
        and not touches & {"ground", "robot"}
    )


class StackAttempt(Attempt):
    """One prop on another, let go.

    wrong_object: another one was lifted, and the top object never. never_reached: the tool was never at the top object.
    missed_grasp: it was, but the object never left the floor between the fingers. dropped: it was lifted, and let go
    away from the base. misplaced: it was let go over the base and never stood there by itself. toppled: it stood for
    less than HOLD_STEPS. time: it was still between the fingers.
    """

    stages = ("none", "reached", "grasped", "lifted", "over_base", "stacked")
    failures = ("wrong_object", "never_reached", "missed_grasp", "dropped", "misplaced", "toppled", "time")

    def __init__(self, top: str, base: str, start: Situation):
        super().__init__(top, start)
        self._base = base
        self._wrong = self._stood = self._lifted_now = False
        self._released_over: bool | None = None

    def _holds(self, now: Situation) -> bool:
        return is_stacked(now.centres[self._target], now.centres[self._base], self._base, set(now.touches))

    def _watch(self, now: Situation, holds: bool) -> int:
        top, gripped = now.centres[self._target], self._target in now.gripped
        self._wrong |= self._lifts_another(now)
        self._stood |= holds
        away = np.hypot(*(top - now.centres[self._base])[:2])
        lifted = gripped and top[2] > self._start.centres[self._target][2] + LIFTED_M
        if self._lifted_now and not gripped:
            self._released_over = bool(away < SUCCESS_DISTANCE_M)
        self._lifted_now = lifted or (gripped and self._lifted_now)
        if lifted:
            return 4 if away < OVER_BASE_M else 3
        return 2 if gripped else int(self._near(now))

    def _failure(self) -> str:
        if self._wrong and self._furthest < 3:
            return "wrong_object"
        if self._furthest == 0:
            return "never_reached"
        if self._furthest < 3:
            return "missed_grasp"
        if self._stood:
            return "toppled"
        if self._lifted_now:
            return "time"
        return "misplaced" if self._released_over else "dropped"
