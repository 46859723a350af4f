"""Simulator ground truth that shapes the features while training, and is absent at deployment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

COLOURS = ("red", "green", "blue")
POSITIONS = tuple(f"{colour}_{axis}" for colour in COLOURS for axis in "xyz")
YAWS = tuple(f"{colour}_{what}" for colour in COLOURS for what in ("sin4", "cos4"))
"""Sine and cosine of four times a prop's yaw: a cube looks the same after a quarter turn."""
NAMES = (*POSITIONS, *YAWS)
CENTRE = np.array([0.6, 0.0, 0.12] * 3, np.float32)
SCALE = np.array([0.1, 0.1, 0.1] * 3, np.float32)
"""Positions are predicted as (metres - CENTRE) / SCALE."""
SQUARE_OBJECTS = ("s0",)


def auxiliary_targets(
    privileged: Mapping[str, np.ndarray], object_names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and weights [N len(NAMES)]; a yaw counts only where the prop is square and lies flat.

    Args:
        privileged: `privileged/<colour>/pose` [N 7] and `privileged/<colour>/object` [N 1] of the three colours.
        object_names: what the object numbers stand for.
    """
    poses = {colour: privileged[f"privileged/{colour}/pose"] for colour in COLOURS}
    positions = (np.concatenate([pose[:, :3] for pose in poses.values()], 1) - CENTRE) / SCALE
    targets, weights = [positions], [np.ones_like(positions)]
    for colour, pose in poses.items():
        horizontal, flat = _horizontal_axis(pose[:, 3:])
        yaw4 = 4 * np.arctan2(horizontal[:, 1], horizontal[:, 0])
        names = np.array(object_names)[privileged[f"privileged/{colour}/object"][:, 0].astype(int)]
        targets.append(np.stack([np.sin(yaw4), np.cos(yaw4)], 1))
        weights.append(np.repeat((np.isin(names, SQUARE_OBJECTS) & flat)[:, None], 2, 1))
    return np.concatenate(targets, 1).astype(np.float32), np.concatenate(weights, 1).astype(np.float32)


def _horizontal_axis(quat_xyzw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each body's three axes the most horizontal [N 3], and whether it is so within 15 degrees."""
    x, y, z, w = np.asarray(quat_xyzw, np.float64).T
    axes = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)], -1),
            np.stack([2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)], -1),
            np.stack([2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        1,
    )
    best = np.abs(axes[:, :, 2]).argmin(1)
    chosen = axes[np.arange(len(axes)), best]
    upright = np.abs(axes[:, :, 2]).max(1) > np.cos(np.radians(15))
    return chosen, upright
