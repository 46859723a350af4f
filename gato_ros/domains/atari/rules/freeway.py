"""Freeway: the quickest way up through the cars, looked for anew every few steps.

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
AHEAD, AGE, MEMORY = 50, 8, 6
"""Steps: that are planned (a way up takes 43), after which it is planned anew, and in which speeds are measured."""
HIT = 20.0
"""Steps."""
PROMPT = 0.85
"""Share of steps that go as far as they should; the others half of it, for a button that stuck."""


class Freeway:
    """A `Rule`."""

    def __init__(self) -> None:
        self._seen: list[np.ndarray] = []
        self._plan: list[np.ndarray] = []

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """See `Rule`."""
        row, cars = int(ram[CHICKEN_Y]), ram[CARS].astype(np.float64)
        self._seen = [*self._seen, cars][-MEMORY - 1 :]
        if not self._plan:
            speeds = SPEEDS
            if len(self._seen) > MEMORY:
                speeds = ((cars - self._seen[0] + WIDTH / 2) % WIDTH - WIDTH / 2) / MEMORY
            self._plan = _costs(cars, speeds)[:AGE]
        costs = self._plan.pop(0)
        place = int(np.clip((row - ROWS[0]) // 2, 0, len(ROWS) - 1))
        return (UP, NOOP, DOWN)[int(np.argmin(costs[:, place]))]


def _costs(cars: np.ndarray, speeds: np.ndarray) -> list[np.ndarray]:
    """For each of AHEAD steps from now on [3 rows]: steps from it to the other side, if one goes up, waits or goes down
    in it and does the best from then on."""
    places = (cars + speeds * np.arange(1, AHEAD + 1)[:, None]) % WIDTH
    met = ((places >= NEAR) & (places <= FAR)).astype(np.float32) @ LANES.T.astype(np.float32) > 0
    left, over = np.maximum((GOAL - ROWS) / 4 * 1.2, 0), ROWS >= GOAL
    found, padded = [], np.zeros(len(ROWS) + 4)
    for hit in met[::-1]:
        after = left + HIT * hit
        after[over] = 0
        padded[2:-2], padded[:2] = after, after[0]
        half_up, half_down = padded[3:-1], padded[1:-3]
        up = 1 + half_up + PROMPT * (padded[4:] - half_up)
        down = 1.02 + half_down + PROMPT * (padded[:-4] - half_down)
        found.append(np.stack([up, 1.01 + after, down]))
        left = found[-1].min(0)
    return found[::-1]
