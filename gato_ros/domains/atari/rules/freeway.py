"""Freeway: the quickest way up through the cars, found anew at every step.

Cars keep their speeds. Measured: between columns 38 and 54 a car meets whoever is in its lane, and that costs 20 steps.
A step is 4 rows.
"""

from __future__ import annotations

import numpy as np

from gato_ros.domains.atari.rules.rule import DOWN, NOOP, UP

CHICKEN_Y, CARS = 14, slice(108, 118)
"""Columns of the ten cars, from the lowest lane up."""
WIDTH = 160
SPEEDS = np.array([0.8, 1, 1.33, 2, 4, -4, -2, -1.33, -1, -0.8])
"""[px/step] of the first game, until they are measured."""
ROWS = np.arange(6, 180, 2)
GOAL = 176
LANES = (ROWS[:, None] >= 12 + 16 * np.arange(10)) & (ROWS[:, None] <= 28 + 16 * np.arange(10))
"""[rows lanes]"""
NEAR, FAR = 38, 54
AHEAD, MEMORY = 44, 6
"""Steps: of the plan, a way up, and those in which speeds are measured."""
HIT = 20.0
"""Steps."""
PROMPT = 0.85
"""Share of steps that go as far as they should; the others half of it, for a button that stuck."""


class Freeway:
    """A `Rule`."""

    def __init__(self) -> None:
        self._seen: list[np.ndarray] = []

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """See `Rule`."""
        row, cars = int(ram[CHICKEN_Y]), ram[CARS].astype(np.float64)
        self._seen = [*self._seen, cars][-MEMORY - 1 :]
        speeds = SPEEDS
        if len(self._seen) > MEMORY:
            speeds = ((cars - self._seen[0] + WIDTH / 2) % WIDTH - WIDTH / 2) / MEMORY
        place = int(np.clip((row - ROWS[0]) // 2, 0, len(ROWS) - 1))
        return (UP, NOOP, DOWN)[int(np.argmin(_costs(cars, speeds)[:, place]))]


def _costs(cars: np.ndarray, speeds: np.ndarray) -> np.ndarray:
    """[3 rows] steps until the other side, if one goes up, waits or goes down now and does the best from then on."""
    places = (cars + speeds * np.arange(1, AHEAD + 1)[:, None]) % WIDTH
    met = ((places >= NEAR) & (places <= FAR)).astype(np.float32) @ LANES.T.astype(np.float32) > 0
    left = np.maximum((GOAL - ROWS) / 4 * 1.2, 0)
    moves = np.zeros((3, len(ROWS)))
    for hit in met[::-1]:
        after = np.where(ROWS >= GOAL, 0, left + HIT * hit)
        padded = np.concatenate([after[:1], after[:1], after, [0.0, 0.0]])
        moves = np.stack(
            [
                1 + PROMPT * padded[4:] + (1 - PROMPT) * padded[3:-1],
                1.01 + after,
                1.02 + PROMPT * padded[:-4] + (1 - PROMPT) * padded[1:-3],
            ]
        )
        left = moves.min(0)
    return moves
