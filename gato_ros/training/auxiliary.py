"""Simulator ground truth that shapes the features while training, and is absent at deployment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

COLOURS = ("red", "green", "blue")
POSITIONS = tuple(f"{colour}_{axis}" for colour in COLOURS for axis in "xyz")
YAWS = tuple(f"{colour}_{what}" for colour in COLOURS for what in ("sin4", "cos4"))
"""Sine and cosine of four times a prop's yaw: a cube looks the same after a quarter turn."""
GRASP = ("grasp_x", "grasp_y", "grasp_z", "grasp_sin2", "grasp_cos2")
"""Where the expert would close the fingers, and twice its yaw there; counts only while a grasp is sought."""
PLACE = ("place_x", "place_y", "place_z", "underside_z")
"""Where on the base it would stand the top object, and that object's lowest point, which must come there [m]."""
NAMES = (*POSITIONS, *YAWS, *GRASP, *PLACE)
PLAN_KEY = "privileged/plan"
"""GRASP, PLACE, and 1 while a grasp is sought; recorded by `collect`."""
LENGTH_M = 0.1
"""Lengths are predicted in this unit, from CENTRE."""
CENTRE = {"x": 0.6, "y": 0.0, "z": 0.12}
MILLIMETRES = np.array([1.0 if name[-1] in "24" else LENGTH_M * 1000 for name in NAMES])
"""An error in units of the prediction times this is in mm; sines and cosines stay as they are."""
SQUARE_OBJECTS = ("s0",)


def auxiliary_targets(
    privileged: Mapping[str, np.ndarray], object_names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and weights [N len(NAMES)]; a yaw counts only where the prop is square and lies flat.

    Args:
        privileged: `privileged/<colour>/pose` [N 7] and `privileged/<colour>/object` [N 1] of the three colours,
            and PLAN_KEY [N 10], NaN in frames that have none.
        object_names: what the object numbers stand for.
    """
    poses = {colour: privileged[f"privileged/{colour}/pose"] for colour in COLOURS}
    positions = np.concatenate([pose[:, :3] for pose in poses.values()], 1)
    targets, weights = [positions], [np.ones_like(positions)]
    for colour, pose in poses.items():
        horizontal, flat = _horizontal_axis(pose[:, 3:])
        yaw4 = 4 * np.arctan2(horizontal[:, 1], horizontal[:, 0])
        names = np.array(object_names)[privileged[f"privileged/{colour}/object"][:, 0].astype(int)]
        targets.append(np.stack([np.sin(yaw4), np.cos(yaw4)], 1))
        weights.append(np.repeat((np.isin(names, SQUARE_OBJECTS) & flat)[:, None], 2, 1))
    plan = privileged.get(PLAN_KEY, np.full((len(positions), len(GRASP) + len(PLACE) + 1), np.nan))
    known = np.isfinite(plan).all(1, keepdims=True)
    seeks = known & (plan[:, -1:] > 0.5)
    targets.append(np.where(known, plan[:, :-1], np.nan))
    weights += [np.repeat(seeks, len(GRASP), 1), np.repeat(known, len(PLACE), 1)]
    return np.nan_to_num(_to_units(np.concatenate(targets, 1))), np.concatenate(weights, 1).astype(np.float32)


def _to_units(values: np.ndarray) -> np.ndarray:
    """Lengths [m] to (length - centre) / LENGTH_M; sines and cosines unchanged."""
    is_length = MILLIMETRES > 1
    centre = np.array([CENTRE[name.split("_")[1]] if length else 0.0 for name, length in zip(NAMES, is_length)])
    return ((values - centre) / np.where(is_length, LENGTH_M, 1.0)).astype(np.float32)


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
