"""Sensors that answer in time and cannot be right: pictures that stand still or show nothing, impossible values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FROZEN_FRAMES = 9
"""So many frames equal to the one before them, of an arm that moves, are no coincidence: ten alike in all."""
BLANK_FRAMES = 5
IMPLAUSIBLE_TICKS = 4
"""The first may come a period after the fault: with four of them the arm slows down within five."""
MOVING_M_S = 0.01
"""An arm faster than this changes what a camera sees [m/s]."""
NOISY_SHARE = 0.3
"""A camera that changes more than this share of its values from one frame to the next has noise."""
DARKEST, BRIGHTEST, FLATTEST = 4.0, 251.0, 2.0
"""A picture whose mean lies outside the first two, or whose standard deviation lies below the third, shows nothing."""


@dataclass
class PictureWatch:
    """Looks at every new frame of one camera.

    Equal frames say something only of a camera with noise, as every real one has: a renderer repeats itself to the
    bit while the arm moves outside the picture. Whether there is noise is learnt from the frames and never forgotten.
    """

    _last: np.ndarray | None = None
    _noisy: bool = False
    _same: int = 0
    _blank: int = 0

    def look(self, pixels: np.ndarray, tool_speed_m_s: float) -> None:
        """A new frame, uint8 [height width 3], and how fast the tool moves meanwhile [m/s]."""
        changed = 1.0 if self._last is None else float(np.count_nonzero(pixels != self._last) / pixels.size)
        self._noisy |= self._last is not None and changed > NOISY_SHARE
        self._last = pixels
        # Standing still explains equal frames: they count only in a row of a moving arm.
        self._same = self._same + 1 if changed == 0.0 and tool_speed_m_s > MOVING_M_S else 0
        sample = pixels[::4, ::4]
        shows = DARKEST <= sample.mean() <= BRIGHTEST and sample.std() >= FLATTEST
        self._blank = 0 if shows else self._blank + 1

    def begin_anew(self) -> None:
        """Forget the frames of the episode before."""
        self._last, self._same, self._blank = None, 0, 0

    @property
    def frozen(self) -> bool:
        """Whether the camera repeats one frame although the arm moves."""
        return self._noisy and self._same >= FROZEN_FRAMES

    @property
    def blank(self) -> bool:
        """Whether the camera has shown black, white or one colour for a while."""
        return self._blank >= BLANK_FRAMES


@dataclass
class ValueWatch:
    """Counts control ticks whose values lie far outside what the contract calls the range of a sensor."""

    bounds: Mapping[str, tuple[np.ndarray, np.ndarray]]
    """Contract key -> (lower, upper) [size], in SI units."""
    clipped: int = 0
    """Values that lay outside their range so far; the tokeniser clips them."""
    _ticks: int = 0
    _worst: str = ""

    def look(self, values: Mapping[str, np.ndarray]) -> None:
        """The values of one tick, by contract key; keys without bounds are passed over."""
        far = ""
        for key, (lower, upper) in self.bounds.items():
            value = np.asarray(values[key], np.float64)
            outside = np.maximum(lower - value, value - upper)
            self.clipped += int((outside > 0.0).sum())
            # A pose may lie a little outside; half a range beyond it, no sensor of this robot can be right.
            if (outside > 0.5 * (upper - lower)).any():
                far = key
        self._ticks = self._ticks + 1 if far else 0
        self._worst = far

    @property
    def implausible(self) -> str | None:
        """The key whose values have been impossible for a while, or None."""
        return self._worst if self._ticks >= IMPLAUSIBLE_TICKS else None
