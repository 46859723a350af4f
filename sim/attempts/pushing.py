"""How far a push got, and what went wrong."""

from __future__ import annotations

import numpy as np

from gato_ros.sim.attempts.attempt import LIFTED_M, Attempt, Situation

PUSHED_M = 0.05
"""So far from its start the centre lies: the side of a cube, which has then left the place where it lay."""
MOVED_M = 0.01
"""The target has moved; less is a touch."""
OTHER_MOVED_M = 0.03
"""Another prop that was moved so far was pushed, too; less is brushed in passing."""
AT_REST_M = 0.0005
"""From one tick to the next a prop at rest moves less (10 mm/s)."""


class PushAttempt(Attempt):
    """One prop moved aside along the floor, and at rest there.

    wrong_object: another one was lifted or pushed; lifted: the target was. No success comes after one of the two.
    never_touched: the robot was never at the target. not_moved: it was, to no effect. short: the target moved, and
    lies nearer to its start than PUSHED_M. time: it lay far enough, not at rest on the floor for HOLD_STEPS.
    """

    stages = ("none", "touched", "moved", "pushed")
    failures = ("wrong_object", "lifted", "never_touched", "not_moved", "short", "time")

    def __init__(self, target: str, start: Situation):
        super().__init__(target, start)
        self._wrong = self._lifted = self._touched = False
        self._before, self._away_m = start.centres[target], 0.0

    def _holds(self, now: Situation) -> bool:
        others = now.centres.keys() - {self._target}
        self._wrong |= self._lifts_another(now) or any(self._way(now, other) > OTHER_MOVED_M for other in others)
        self._lifted |= self._lifts(now, self._target)
        self._touched |= "robot" in now.touches
        centre, self._away_m = now.centres[self._target], self._way(now, self._target)
        moved, self._before = float(np.linalg.norm(centre - self._before)), centre
        on_floor = "ground" in now.touches and self._rise(now, self._target) < LIFTED_M
        pushed = self._touched and self._away_m >= PUSHED_M  # what rolled away by itself was not
        return bool(not (self._wrong or self._lifted) and pushed and on_floor and moved < AT_REST_M)

    def _watch(self, now: Situation, holds: bool) -> int:
        return 2 if self._touched and self._away_m > MOVED_M else int(self._touched)

    def _way(self, now: Situation, colour: str) -> float:
        """How far from its start that prop's centre is, along the floor [m]."""
        return float(np.hypot(*(now.centres[colour] - self._start.centres[colour])[:2]))

    def _failure(self) -> str:
        if self._wrong:
            return "wrong_object"
        if self._lifted:
            return "lifted"
        if self._furthest < 2:
            return "not_moved" if self._furthest else "never_touched"
        return "short" if self._away_m < PUSHED_M else "time"
