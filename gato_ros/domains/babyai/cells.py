"""What is in the tiles in front of the agent, one number for each: object, colour and state together."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

TILES = 7
"""The agent sees 7 x 7 tiles. It stands in the middle of the last row, and its tile shows what it carries."""
COLOURS = ("red", "green", "blue", "purple", "yellow", "grey")
THINGS = ("key", "ball", "box")
NOT_VISIBLE, EMPTY, WALL, DOOR = range(4)
"""A door is DOOR + 3 * colour + state (open, closed, locked); a thing THING + 6 * thing + colour."""
THING = DOOR + 3 * len(COLOURS)
CELL_VALUES = THING + len(THINGS) * len(COLOURS)
"""39"""
_NAMED = re.compile(rf"\b(?:({'|'.join(COLOURS)}) )?(door|{'|'.join(THINGS)}|object)\b")


def _table() -> np.ndarray:
    """[type colour state] int16 by minigrid's numbers; -1 for what no level shows."""
    table = np.full((11, len(COLOURS), 3), -1, np.int16)
    table[0], table[1], table[2] = NOT_VISIBLE, EMPTY, WALL
    colours = np.arange(len(COLOURS))
    table[4] = DOOR + 3 * colours[:, None] + np.arange(3)
    for number in range(len(THINGS)):
        table[5 + number] = THING + len(COLOURS) * number + colours[:, None]
    return table


_TABLE = _table()


def cells_of(image: np.ndarray) -> np.ndarray:
    """float32 [49], row by row from the farthest one, of minigrid's picture [column row 3] (type, colour, state).

    Raises:
        ValueError: something that no level shows, like lava.
    """
    cells = _TABLE[image[..., 0], image[..., 1], image[..., 2]].T.reshape(-1)
    if (cells < 0).any():
        raise ValueError(f"no cell has a value for {image[image[..., 0] > 7][:1]} (type, colour, state)")
    return cells.astype(np.float32)


@lru_cache(maxsize=4096)
def mentioned(mission: str) -> np.ndarray:
    """bool [CELL_VALUES] the values of cells that show an object which the mission names; "object" is any."""
    values = np.zeros(CELL_VALUES, bool)
    for colour, what in _NAMED.findall(mission):
        colours = [COLOURS.index(colour)] if colour else range(len(COLOURS))
        for one in colours:
            if what in ("door", "object"):
                values[DOOR + 3 * one : DOOR + 3 * one + 3] = True
            for number, thing in enumerate(THINGS):
                if what in (thing, "object"):
                    values[THING + len(COLOURS) * number + one] = True
    values.setflags(write=False)
    return values
