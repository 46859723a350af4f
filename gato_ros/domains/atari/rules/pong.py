"""Pong: meet the ball with that edge of the paddle from which the opponent does not get it.

Measured: let `d` be the ball's row minus the paddle's where they meet (x = 188). The ball leaves with -8 rows a step
for d of -2 to 0, -4 up to 4, 0 up to 8, 4 up to 12, and 8 up to 16; otherwise it is lost. The opponent follows 7 rows a
step. He missed 80 % of the balls that went up at 8 from rows 110 to 170, and nearly all that went down at 8 from above
row 108. Slower ones he returned.
"""

from __future__ import annotations

import numpy as np

from gato_ros.domains.atari.rules.bouncing import folded
from gato_ros.domains.atari.rules.knob import Knob
from gato_ros.domains.atari.rules.rule import LEFT, NOOP, RIGHT

BALL_X, BALL_Y, PADDLE_Y = 49, 54, 51
MEETING_X, TOP, BOTTOM = 188, 44, 206
EDGES = np.array([-41, -4.1, -2.9, -2.1, -0.3, 0.5, 11.3, 12.1, 14.7, 15.7, 17.1, 59])
"""Of `d`; what lies between two of them is worth what lies between theirs."""
MIDDLE, HOME = 7, 118
RETURNED = 0.1
"""Worth of a ball that the opponent returns; a point is 1."""


class Pong:
    """A `Rule`."""

    def __init__(self) -> None:
        self._knob = Knob(38, 203, rising=-1)
        self._before: tuple[int, int] | None = None
        self._speed = 0
        self._target: float | None = None

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """See `Rule`."""
        x, y, place = int(ram[BALL_X]), int(ram[BALL_Y]), int(ram[PADDLE_Y])
        self._knob.took(pressed)
        before, self._before = self._before, (x, y)
        if before and before[1] and y and before[0] < x < MEETING_X:
            turn = self._meet(x, y, place, x - before[0], y - before[1])
        else:
            self._target = None
            turn = self._knob.towards(place, HOME)
        return (NOOP, LEFT, RIGHT)[turn]

    def _meet(self, x: int, y: int, place: int, across: int, down: int) -> int:
        steps = (MEETING_X - x) / across
        # In the step of a bounce the ball seems slower than it is.
        clean = down % 4 == 0 and (TOP + 14 < y < BOTTOM - 12 or abs(down) == abs(self._speed))
        if clean or self._target is None:
            self._target, self._speed = folded(y + down * steps, TOP, BOTTOM), down
        row = self._target
        worth = _worth(row)
        return self._knob.best(place, row - MIDDLE, steps, lambda places: np.interp(row - places, EDGES, worth))


def _worth(row: float) -> np.ndarray:
    """[12] at EDGES, of a ball that is met at this row."""
    if row < 110:
        up, down = 0.6, 0.95
    elif row < 135:
        up, down = 0.8, 0.1
    elif row < 160:
        up, down = 0.95, 0.0
    else:
        up, down = (0.7, 0.0) if row < 178 else (0.0, 0.0)
    return np.array([-2, -1, -0.3, up, up, RETURNED, RETURNED, down, down, -0.3, -1, -2])
