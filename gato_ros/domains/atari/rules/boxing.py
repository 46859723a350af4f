"""Boxing: stand at the reach of a fist beside the other one, a little above or below him, and hit every other step.

The place decides: over two episodes each, 20 px beside and 4 above or below won by 92 points, 24 and 6 by 63, 28 and 10
by 9.
"""

from __future__ import annotations

import numpy as np

from gato_ros.domains.atari.rules.rule import NOOP

X, Y, OTHER_X, OTHER_Y = 32, 34, 33, 35
BESIDE, BELOW = 20, 4
"""[px]"""
SLACK = 2
TOP, BOTTOM = 4, 86
REACH_X, REACH_Y = 36, 30
TOWARDS = {
    (0, 0): NOOP,
    (0, -1): 2,
    (1, 0): 3,
    (-1, 0): 4,
    (0, 1): 5,
    (1, -1): 6,
    (-1, -1): 7,
    (1, 1): 8,
    (-1, 1): 9,
}
"""Right and down -> the button."""


class Boxing:
    """A `Rule`."""

    def __init__(self) -> None:
        self._steps = 0

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """See `Rule`."""
        self._steps += 1
        x, y, other_x, other_y = (int(ram[place]) for place in (X, Y, OTHER_X, OTHER_Y))
        below = BELOW if y >= other_y else -BELOW
        if not TOP <= other_y + below <= BOTTOM:
            below = -below
        target_x = other_x - (BESIDE if other_x >= x else -BESIDE)
        button = TOWARDS[_sign(target_x - x), _sign(other_y + below - y)]
        near = abs(other_x - x) <= REACH_X and abs(other_y - y) < REACH_Y
        return _with_fire(button) if near and self._steps % 2 == 0 else button


def _sign(error: int) -> int:
    return 0 if abs(error) <= SLACK else 1 if error > 0 else -1


def _with_fire(button: int) -> int:
    """The same direction with the button pressed."""
    return 1 if button == NOOP else button + 8
