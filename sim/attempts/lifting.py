"""How far a lift got, and what went wrong."""

from __future__ import annotations

from gato_ros.sim.attempts.attempt import Attempt, Situation

HEIGHT_M = 0.08
"""So far above its start a prop is held: its underside is then over everything that stands on the floor, so nothing
that leans, tips over or is pushed up a slope counts. The SO-101, whose tool has 0.13 m, gets there with every grasp."""


class LiftAttempt(Attempt):
    """One prop in the air, by itself between the fingers.

    wrong_object: another one was lifted; a success does not come after it, or whoever lifts all in turn would have
    one. never_reached: the tool was never at the target. missed_grasp: it was, but the target never left the floor
    between the fingers. dropped: it was lifted, and is no longer between the fingers. time: it still was, not for
    HOLD_STEPS at HEIGHT_M.
    """

    stages = ("none", "reached", "grasped", "lifted", "held")
    failures = ("wrong_object", "never_reached", "missed_grasp", "dropped", "time")

    def __init__(self, target: str, start: Situation):
        super().__init__(target, start)
        self._wrong = self._gripped = False

    def _holds(self, now: Situation) -> bool:
        self._wrong |= self._lifts_another(now)
        return bool(
            not self._wrong
            and self._target in now.gripped
            and now.touches == {"robot"}
            and self._rise(now, self._target) >= HEIGHT_M
        )

    def _watch(self, now: Situation, holds: bool) -> int:
        self._gripped = self._target in now.gripped
        if self._lifts(now, self._target):
            return 3
        return 2 if self._gripped else int(self._near(now))

    def _failure(self) -> str:
        if self._wrong:
            return "wrong_object"
        if self._furthest == 0:
            return "never_reached"
        if self._furthest < 3:
            return "missed_grasp"
        return "time" if self._gripped else "dropped"
