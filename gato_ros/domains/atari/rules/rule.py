"""The seam of a rule."""

from __future__ import annotations

from typing import Protocol

import numpy as np

NOOP, FIRE, UP, RIGHT, LEFT, DOWN = range(6)
RIGHT_FIRE, LEFT_FIRE = 11, 12
RIGHTWARD, LEFTWARD = (3, 6, 8, 11, 14, 16), (4, 7, 9, 12, 15, 17)
"""Buttons that push the joystick, or turn the knob, to one side."""


class Rule(Protocol):
    """Plays one episode."""

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """What to press now.

        Args:
            ram: uint8 [128] the console's memory.
            pressed: the button of the step before, whoever chose it.
        """
        ...
