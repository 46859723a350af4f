"""Ground truth of a game for auxiliary heads: what is where, patch by patch and in numbers.

The buttons alone taught `gato_generalist` nothing of Pong and Breakout: it played as random play does. The ball is two
pixels wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.domains.atari.console import SCREEN as CONSOLE
from gato_ros.domains.atari.environment import OBJECTS
from gato_ros.domains.atari.games import BUTTON
from gato_ros.domains.atari.scene import NAMES
from gato_ros.models.layout import TokenLayout
from gato_ros.training.supervision import SEEN, AuxiliaryTargets, Curve, GroundTruth, NoTruth

PIXELS = np.array([CONSOLE[1], CONSOLE[0], CONSOLE[1], CONSOLE[0], 20, 20, CONSOLE[1], CONSOLE[0]], np.float32)
"""One of each number [px]: places in screens, motions in 20 px a step."""
WHOSE = ("player", "object")
OF_EACH = (SEEN, "_across", "_down")
"""1 where its place lies in the patch; where in the patch it is [patches, from its middle]."""
PATCH_NAMES = tuple(f"{whose}{what}" for whose in WHOSE for what in OF_EACH)


@dataclass(frozen=True)
class ObjectTruth:
    """Of N frames."""

    places: np.ndarray
    """[N 8] of NAMES [px of the console's screen]; NaN where there is nothing, or nobody knows."""
    grid: tuple[int, int]
    """Rows and columns of patches."""

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> AuxiliaryTargets:
        """Of the frames of `rows` [batch]."""
        numbers = self.places[rows] / PIXELS
        known = np.isfinite(numbers)
        patch, weight = self._patches(np.where(known, numbers, -1.0)[:, :4], np.any(known, axis=1))
        return AuxiliaryTargets(
            np.where(known, numbers, 0.0).astype(np.float32), known.astype(np.float32), patch, weight
        )

    def _patches(self, places: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Targets and weights [batch patches 6] of places [batch 4], -1 where there is nothing."""
        down, across = self.grid
        batch = len(places)
        targets = np.zeros((batch, down * across, len(WHOSE), len(OF_EACH)), np.float32)
        weights = np.zeros_like(targets)
        weights[..., 0] = known[:, None, None]
        for number in range(len(WHOSE)):
            x, y = places[:, 2 * number] * across, places[:, 2 * number + 1] * down
            column, row = np.floor(x).astype(int), np.floor(y).astype(int)
            (seen,) = np.nonzero((column >= 0) & (column < across) & (row >= 0) & (row < down))
            place = (seen, row[seen] * across + column[seen], number)
            inside = np.stack([np.ones(len(seen)), x[seen] - column[seen] - 0.5, y[seen] - row[seen] - 0.5], 1)
            targets[place], weights[place] = inside, 1.0
        shape = (batch, down * across, len(PATCH_NAMES))
        return targets.reshape(shape), weights.reshape(shape)


@dataclass(frozen=True)
class AtariSupervision:
    """The `Supervision` of frames by `collect`, and of others, of which nothing but the buttons is known."""

    action_names: tuple[str, ...] = (BUTTON,)
    auxiliary_names: tuple[str, ...] = NAMES
    patch_names: tuple[str, ...] = PATCH_NAMES
    auxiliary_scale: tuple[float, ...] = tuple(PIXELS.tolist())
    reflection: None = None
    curves: tuple[Curve, ...] = (
        Curve("validation", ("action_loss",), "loss of held-out episodes"),
        Curve("validation", ("error_object_x", "error_object_y"), "where the ball or the other one is", "px"),
        Curve("validation", ("error_meets_x", "error_meets_y"), "where a ball is to be met", "px"),
    )

    def vectors(self, frames: Frames, layout: TokenLayout) -> dict[str, np.ndarray]:
        """No ground truth is ever an observation."""
        return {}

    def truth(self, frames: Frames, layout: TokenLayout) -> GroundTruth:
        """Of frames that were recorded with it."""
        if OBJECTS not in frames.privileged:
            return NoTruth(len(NAMES))
        return ObjectTruth(frames.privileged[OBJECTS], layout.grid(layout.images[0]))
