"""How far an episode got, and what went wrong in those that were not stacked."""

from __future__ import annotations

import numpy as np

from gato_ros.sim import task

VOID = "void"
"""The failure of an episode in which a prop left the cell, or physics came to no number."""
STAGES = ("none", "reached", "grasped", "lifted", "over_base", "stacked")
"""In order; an episode is at the furthest one it ever reached."""
FAILURES = ("wrong_object", "never_reached", "missed_grasp", "dropped", "misplaced", "toppled", "time")
"""wrong_object: another one was lifted, and the top object never. never_reached: the tool was never at the top object.
missed_grasp: it was, but the object never left the floor between the fingers. dropped: it was lifted, and let go away
from the base. misplaced: it was let go over the base and never stood there by itself. toppled: it stood for less than
task.HOLD_STEPS. time: it was still between the fingers."""

REACHED_LATERAL_M, REACHED_HEIGHT_M = 0.03, 0.04
LIFTED_M = 0.02
OVER_BASE_M = 0.03


class Progress:
    """Watches one episode tick by tick."""

    def __init__(self, start_height_m: float):
        self._start_height = start_height_m
        self._furthest = 0
        self._held = 0
        self._wrong = self._stood = self._lifted_now = self._gripped_now = False
        self._released_over: bool | None = None

    def update(
        self,
        tool: np.ndarray,
        top: np.ndarray,
        base: np.ndarray,
        gripped: bool,
        success: bool,
        lifts_another: bool = False,
    ) -> None:
        """One tick: positions [3] [m], whether both pads touch the top object, the sparse success, and whether another
        object is off the floor between the pads."""
        self._wrong |= lifts_another
        self._held = self._held + 1 if success else 0
        self._stood |= success
        over = np.hypot(*(top - base)[:2]) < OVER_BASE_M
        lifted = gripped and top[2] > self._start_height + LIFTED_M
        if self._lifted_now and not gripped:
            self._released_over = bool(np.hypot(*(top - base)[:2]) < task.SUCCESS_DISTANCE_M)
        self._gripped_now, self._lifted_now = gripped, lifted or (gripped and self._lifted_now)
        if self._held >= task.HOLD_STEPS:
            stage = 5
        elif lifted:
            stage = 4 if over else 3
        elif gripped:
            stage = 2
        else:
            near = np.hypot(*(tool - top)[:2]) < REACHED_LATERAL_M and tool[2] - top[2] < REACHED_HEIGHT_M
            stage = 1 if near else 0
        self._furthest = max(self._furthest, stage)

    @property
    def stage(self) -> str:
        """The furthest of STAGES so far."""
        return STAGES[self._furthest]

    @property
    def stacked(self) -> bool:
        """Whether the stack has stood for task.HOLD_STEPS."""
        return self._furthest == 5

    @property
    def failure(self) -> str | None:
        """One of FAILURES if the episode ended now; None once it is stacked."""
        if self.stacked:
            return None
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
