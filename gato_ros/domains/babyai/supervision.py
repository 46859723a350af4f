"""Ground truth of a level for auxiliary heads: which of the tiles in view show what the mission names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.domains.babyai.cells import TILES
from gato_ros.domains.babyai.environment import TARGET
from gato_ros.domains.babyai.levels import MOVE
from gato_ros.models.layout import TokenLayout
from gato_ros.training.supervision import SEEN, AuxiliaryTargets, Curve, GroundTruth, NoTruth

NAMES = ("target_in_view", "target_across", "target_ahead")
"""1 where a target is in view; its column from the agent's and its rows ahead, of the nearest, in views."""
PATCH_NAMES = (f"target{SEEN}",)
"""Of each tile."""


@dataclass(frozen=True)
class TargetTruth:
    """Of N frames."""

    tiles: np.ndarray
    """[N tiles] float32, 1 where a tile shows a target; NaN where nobody knows."""

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> AuxiliaryTargets:
        """Of the frames of `rows` [batch]."""
        tiles = self.tiles[rows]
        known = np.all(np.isfinite(tiles), axis=1)
        tiles = np.where(known[:, None], tiles, 0.0).astype(np.float32)
        row, column = np.divmod(np.arange(TILES**2), TILES)
        across, ahead = column - TILES // 2, TILES - 1 - row
        nearest = np.where(tiles > 0, np.abs(across) + ahead, np.inf).argmin(1)
        in_view = tiles.any(1)
        numbers = np.column_stack([in_view, across[nearest] / TILES, ahead[nearest] / TILES]).astype(np.float32)
        weight = np.column_stack([known, known & in_view, known & in_view]).astype(np.float32)
        return AuxiliaryTargets(
            numbers * (weight > 0),
            weight,
            tiles[..., None],
            np.repeat(known[:, None, None], TILES**2, 1).astype(np.float32),
        )


@dataclass(frozen=True)
class BabyAiSupervision:
    """The `Supervision` of frames by `collect`, and of others, of which nothing but the moves is known."""

    action_names: tuple[str, ...] = (MOVE,)
    auxiliary_names: tuple[str, ...] = NAMES
    patch_names: tuple[str, ...] = PATCH_NAMES
    auxiliary_scale: tuple[float, ...] = (1.0, float(TILES), float(TILES))
    reflection: None = None
    curves: tuple[Curve, ...] = (
        Curve("validation", (f"{MOVE}_accuracy",), "moves of the bot", "%", 100.0),
        Curve("validation", ("error_target_across", "error_target_ahead"), "where the target is", "tiles"),
    )

    def vectors(self, frames: Frames, layout: TokenLayout) -> dict[str, np.ndarray]:
        """No ground truth is ever an observation."""
        return {}

    def truth(self, frames: Frames, layout: TokenLayout) -> GroundTruth:
        """Of frames that were recorded with it."""
        return TargetTruth(frames.privileged[TARGET]) if TARGET in frames.privileged else NoTruth(len(NAMES))
