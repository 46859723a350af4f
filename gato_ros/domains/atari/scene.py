"""Where the things of a game are on its screen, by its memory: ground truth for learning only.

The numbers here were measured: objects found by their colours in 300 to 600 steps of each game's expert. Pong and
Breakout agree within 1 px, Boxing within 4 px in 19 of 20 steps. Tests measure it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gato_ros.domains.atari.rules import boxing, breakout, freeway, pong
from gato_ros.domains.atari.rules.bouncing import folded

NAMES = ("player_x", "player_y", "object_x", "object_y", "motion_x", "motion_y", "meets_x", "meets_y")
"""[px] The place of what the player moves. The place of the object: the ball, the other boxer or the next car. How far
it moved in the last step. Where it crosses the player's line."""
FARTHEST = 24.0
"""[px/step] What moved farther was set down anew."""
STEADY = 1.5
"""[px/step] Speeds of two steps that differ by less are one speed."""
Place = tuple[float, float]
NOWHERE: Place = (np.nan, np.nan)


@dataclass(frozen=True)
class Line:
    """Where a ball is met: it comes along one axis and bounces between walls across it."""

    along: int
    """0: it comes along x; 1: along y."""
    at: float
    low: float
    high: float
    """[px]"""

    def crossed(self, place: Place, motion: Place) -> Place:
        """By a ball that comes nearer; NOWHERE by another."""
        coming, speed = self.at - place[self.along], motion[self.along]
        if not (coming > 0 and speed > 0):
            return NOWHERE
        across = 1 - self.along
        where = folded(place[across] + motion[across] * coming / speed, self.low, self.high)
        return (self.at, where) if self.along == 0 else (where, self.at)


@dataclass(frozen=True)
class Things:
    """How a game's memory tells what is where; places in [px] of the console's screen."""

    player: Callable[[np.ndarray], Place]
    object: Callable[[np.ndarray], Place]
    line: Line | None = None


def _pong(ram: np.ndarray) -> Place:
    x, y = float(ram[pong.BALL_X]), float(ram[pong.BALL_Y])
    return (x - 48.5, y - 12.5) if y else NOWHERE


def _breakout(ram: np.ndarray) -> Place:
    x, y = float(ram[breakout.BALL_X]), float(ram[breakout.BALL_Y])
    return (x - 48.5, y + 10.5) if y else NOWHERE


def _next_car(ram: np.ndarray) -> Place:
    lane = max(0, (int(ram[freeway.CHICKEN_Y]) - 12) // 16)
    cars = ram[freeway.CARS]
    return (float(cars[lane]) + 1.0, 175.0 - 16 * lane) if lane < len(cars) else NOWHERE


THINGS = {
    "pong": Things(lambda ram: (141.5, float(ram[pong.PADDLE_Y]) - 6.5), _pong, Line(0, 139.5, 31.5, 193.5)),
    "breakout": Things(
        lambda ram: (float(ram[breakout.PADDLE_X]) - 39.5, 190.5), _breakout, Line(1, 190.5, 8.5, 151.5)
    ),
    "boxing": Things(
        lambda ram: (float(ram[boxing.X]) + 11.5, float(ram[boxing.Y]) + 61.0),
        lambda ram: (float(ram[boxing.OTHER_X]) + 9.5, float(ram[boxing.OTHER_Y]) + 60.0),
    ),
    "freeway": Things(lambda ram: (48.0, 196.5 - float(ram[freeway.CHICKEN_Y])), _next_car),
}
"""Atlantis is not here: its expert looks at nothing."""


class Scene:
    """Looks at one game step by step."""

    def __init__(self, task: str):
        self._things = THINGS.get(task)
        self._before, self._motion = NOWHERE, NOWHERE
        self.places = np.full(len(NAMES), np.nan, np.float32)
        """[8] of NAMES now [px]; NaN where there is nothing, or it is not known."""

    def reset(self) -> None:
        """Forget the steps before."""
        self._before, self._motion = NOWHERE, NOWHERE

    def look(self, ram: np.ndarray) -> None:
        """Take in the memory of one more step, uint8 [128]."""
        if self._things is None:
            return
        place = self._things.object(ram)
        motion = (place[0] - self._before[0], place[1] - self._before[1])
        if not np.hypot(*motion) <= FARTHEST:
            motion = NOWHERE
        # In the step of a bounce a ball seems slower than it is.
        steady = np.abs(np.abs(motion) - np.abs(self._motion)).max() < STEADY
        line = self._things.line
        meets = line.crossed(place, motion) if line and steady else NOWHERE
        self._before, self._motion = place, motion
        self.places = np.array([*self._things.player(ram), *place, *motion, *meets], np.float32)
