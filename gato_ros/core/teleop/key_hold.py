"""A dead man's switch out of keys: a terminal tells of presses and repeats, never of a release."""

from __future__ import annotations

import math

import numpy as np

from gato_ros.core.teleop.operator_input import OperatorInput


class KeyHold:
    """The newest motion key counts for `hold_s` after its last press or repeat.

    A terminal waits for some 0.3 to 0.7 s before it repeats a key that is held, far longer than a motion may outlast
    its key. So the first press is a nudge; the arm then stands, and is kept for `claim_s`, until the repeats come.
    """

    def __init__(self, hold_s: float, claim_s: float):
        self._hold_s, self._claim_s = hold_s, claim_s
        self._deflection = np.zeros(4)
        self._moved_s = self._touched_s = -math.inf

    def press(self, deflection: np.ndarray, now_s: float) -> None:
        """A motion key, or its repeat."""
        self._deflection = deflection
        self._moved_s = self._touched_s = now_s

    def touch(self, now_s: float) -> None:
        """Another key that is meant for the arm."""
        self._touched_s = now_s

    def let_go(self) -> None:
        """The arm is given back at once."""
        self._moved_s = self._touched_s = -math.inf

    def read(self, now_s: float) -> OperatorInput:
        """What the keys say at `now_s` [s]."""
        if now_s - self._moved_s <= self._hold_s:
            return OperatorInput(self._deflection, held=True)
        return OperatorInput(stays=now_s - self._touched_s <= self._claim_s)
