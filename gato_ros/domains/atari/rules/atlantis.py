"""Atlantis: the guns at both sides fire in turn, two shots each. It looks at nothing.

A button has to be let go between two shots. Over two episodes this came to 59,850 points, one shot each to 26,800.
"""

from __future__ import annotations

import numpy as np

from gato_ros.domains.atari.rules.rule import LEFT_FIRE, NOOP, RIGHT_FIRE

PATTERN = (RIGHT_FIRE, NOOP, RIGHT_FIRE, NOOP, LEFT_FIRE, NOOP, LEFT_FIRE, NOOP)


class Atlantis:
    """A `Rule`."""

    def __init__(self) -> None:
        self._steps = 0

    def button(self, ram: np.ndarray, pressed: int) -> int:
        """See `Rule`."""
        self._steps += 1
        return PATTERN[(self._steps - 1) % len(PATTERN)]
