"""Breakout: be where the ball comes down.

Measured: where they meet (y = 182), the ball's column minus the paddle's is 1 to 17; outside it is lost.
"""

from __future__ import annotations

import numpy as np

from gato_ros.domains.atari.rules.bouncing import folded
from gato_ros.domains.atari.rules.knob import Knob
from gato_ros.domains.atari.rules.rule import FIRE, LEFT, NOOP, RIGHT

BALL_X, BALL_Y, PADDLE_X = 99, 101, 72
MEETING_Y, BELOW_THE_BRICKS = 182, 60
LEFT_WALL, RIGHT_WALL = 57, 200
MIDDLE, REACH = 9, 6
"""Of the paddle [px]: where it should meet the ball, and how far from there is safe."""


class Breakout:
    """A `Rule`."""

    def __init__(self) -> None:
        self._knob = Knob(55, 191, rising=1)
        self._before: tuple[int, int] | None = None
        self._speed = 0
        self._target: float | None = None

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """See `Rule`."""
        x, y, place = int(ram[BALL_X]), int(ram[BALL_Y]), int(ram[PADDLE_X])
        self._knob.took(pressed)
        before, self._before = self._before, (x, y)
        if not y:
            self._target = None
            return FIRE  # it serves
        turn = 0
        if before and before[1]:
            across, down = x - before[0], y - before[1]
            if down > 0 and BELOW_THE_BRICKS < y < MEETING_Y:
                turn = self._meet(x, y, place, across, down)
            elif down < 0 and y > 20:
                self._target = None
                turn = self._knob.towards(place, float(np.clip(x - 4, 60, 186)), near=13)
        return (NOOP, RIGHT, LEFT)[turn]

    def _meet(self, x: int, y: int, place: int, across: int, down: int) -> int:
        steps = (MEETING_Y - y) / down
        # In the step of a bounce the ball seems slower than it is.
        at_a_wall = x < LEFT_WALL + 13 or x > RIGHT_WALL - 14
        if self._target is None or not at_a_wall or abs(across) == abs(self._speed):
            self._target, self._speed = folded(x + across * steps, LEFT_WALL, RIGHT_WALL), across
        best = self._target - MIDDLE

        def worth(places: np.ndarray) -> np.ndarray:
            missed_by = np.abs(places - best) - REACH
            return -np.where(missed_by > 0, 1 + 0.1 * missed_by, 0)

        return self._knob.best(place, best, steps, worth)
