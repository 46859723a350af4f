"""A paddle that a knob moves: where a few turns would put it, given that buttons stick at times.

Measured in Pong and Breakout with four frames a step: one step of turning moves the paddle 10, 10 and 3 px in three
steps, so it comes to rest every 23 px. A rule that meets the ball anywhere else has to meet it on the move.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product

import numpy as np

from gato_ros.domains.atari.console import FRAME_SKIP, STICKY
from gato_ros.domains.atari.rules.rule import LEFTWARD, RIGHTWARD

RESPONSE = (10.0, 10.0, 3.0)
"""[px] in the step itself and in the two after it."""
AHEAD = 4
"""Steps whose turns are weighed against each other."""
DRAWS = 24
COST = 0.01
"""Of a turn, so that no turn is made for nothing."""


class Knob:
    """What was turned so far, and what to turn next: -1, 0 or 1, as the paddle's place falls, stays or rises."""

    def __init__(self, lowest: float, highest: float, rising: int):
        """The places where the paddle stops [px], and the turn (1 right, -1 left) that makes its place rise."""
        self._lowest, self._highest, self._rising = lowest, highest, rising
        self._turns = (0, 0)

    def took(self, pressed: int) -> None:
        """The button of the step before."""
        turn = (pressed in RIGHTWARD) - (pressed in LEFTWARD)
        self._turns = (self._turns[1], self._rising * turn)

    def rest(self, place: float) -> float:
        """Where the paddle comes to rest if nothing more is turned [px]."""
        return place + (RESPONSE[1] + RESPONSE[2]) * self._turns[1] + RESPONSE[2] * self._turns[0]

    def towards(self, place: float, target: float, near: float = 14.0) -> int:
        """The turn that brings the paddle to rest near a target."""
        error = target - self.rest(place)
        return 0 if abs(error) < near else int(np.sign(error))

    def best(self, place: float, target: float, steps: float, worth: Callable[[np.ndarray], np.ndarray]) -> int:
        """The first turn of those that promise most.

        Args:
            place: of the paddle now [px].
            target: the middle of what is worth most; from far away the paddle simply goes there.
            steps: from now until the place counts; not a whole number.
            worth: of places [px], any shape.
        """
        if steps > 5 and abs(target - self.rest(place)) > 55:
            return self.towards(place, target)
        whole = int(steps)
        turns = _turns(min(AHEAD, whole + 1))
        moved = self._paths(place, turns)
        reached = moved[..., -1]
        if whole + 1 < moved.shape[-1]:
            reached = moved[..., whole] + (steps - whole) * (moved[..., whole + 1] - moved[..., whole])
        value = worth(reached).mean(0) - COST * np.abs(turns).sum(1)
        value -= 0.0005 * np.abs(reached - target).mean(0)  # of equals the nearer one
        return int(turns[np.argmax(value), 0])

    def _paths(self, place: float, turns: np.ndarray) -> np.ndarray:
        """[draws sequences 1 + steps] places from now on."""
        count, ahead = turns.shape
        before = np.concatenate([np.full((count, 1), self._turns[1]), turns[:, :-1]], 1)
        carried_out = turns + _stuck()[:, None, :ahead] * (before - turns)
        past = np.broadcast_to(self._turns, (DRAWS, count, 2))
        all_turns = np.concatenate([past, carried_out, np.zeros((DRAWS, count, 3))], 2)
        now, next_one, last = RESPONSE
        moves = now * all_turns[:, :, 2:] + next_one * all_turns[:, :, 1:-1] + last * all_turns[:, :, :-2]
        places = np.clip(place + np.cumsum(moves, 2), self._lowest, self._highest)
        return np.concatenate([np.full((DRAWS, count, 1), float(place)), places], 2)


@lru_cache(maxsize=AHEAD)
def _turns(ahead: int) -> np.ndarray:
    """[3**ahead ahead] every sequence of turns."""
    return np.array(list(product((0, -1, 1), repeat=ahead)), np.float64)


@lru_cache(maxsize=1)
def _stuck() -> np.ndarray:
    """[draws AHEAD] share of a step's frames in which the button of the step before still counts."""
    frames = np.random.default_rng(0).geometric(1 - STICKY, size=(DRAWS, AHEAD)) - 1
    return np.minimum(frames, FRAME_SKIP) / FRAME_SKIP
