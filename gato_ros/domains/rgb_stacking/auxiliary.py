"""Simulator ground truth that shapes the features while training, and is absent at deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.embodiments.simulation import Cell

COLOURS = ("red", "green", "blue")
POSITIONS = tuple(f"{colour}_{axis}" for colour in COLOURS for axis in "xyz")
HARMONICS = (2, 4, 6)
FACES = tuple(f"{colour}_faces_{part}{k}" for colour in COLOURS for k in HARMONICS for part in ("sin", "cos"))
"""Which way a prop's upright faces look: of each harmonic k the mean of sin(k angle) and cos(k angle), weighed by area.

Even ones only, as fingers close on opposite faces. A lying cube has k = 4 of length 1 and no other; a cylinder has
none, and no yaw. Unlike the expert's choice of a grasp they are continuous in pose and shape.
"""
GRASP = ("grasp_x", "grasp_y", "grasp_z", "grasp_sin2", "grasp_cos2")
"""Where the expert would close the fingers, and twice its yaw there; counts only while a grasp is sought."""
PLACE = ("place_x", "place_y", "place_z", "underside_z")
"""Where on the base it would stand the top object, and that object's lowest point, which must come there [m]."""
NAMES = (*POSITIONS, *FACES, *GRASP, *PLACE)
PLAN_KEY = "privileged/plan"
"""GRASP, PLACE, and 1 while a grasp is sought; recorded by `collect`. A task without a base has zeros as its PLACE."""
LENGTH_M = 0.1
"""Lengths are predicted in this unit, from CENTRE."""
CENTRE = {"x": 0.6, "y": 0.0, "z": 0.12}
MILLIMETRES = np.array([1.0 if "_sin" in name or "_cos" in name else LENGTH_M * 1000 for name in NAMES])
"""An error in units of the prediction times this is in mm; sines and cosines stay as they are."""
Faces = Sequence[tuple[np.ndarray, np.ndarray]]
"""Of every object, by its number: outward normals [faces 3] in its own frame, and areas [faces]."""


def has_truth(privileged: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """[count] bool: frames whose objects are known. A recording of a real robot has none such."""
    keys = [f"privileged/{colour}/{what}" for colour in COLOURS for what in ("pose", "object")]
    if not all(key in privileged for key in keys):
        return np.zeros(count, bool)
    return np.all([np.isfinite(privileged[key]).all(1) for key in keys], 0)


def in_peers_cell(privileged: Mapping[str, np.ndarray], cell: Cell) -> dict[str, np.ndarray]:
    """The same with places in the peer's numbers, which CENTRE and LENGTH_M are made for, of a cell of another size."""
    out = dict(privileged)
    for key in (f"privileged/{colour}/pose" for colour in COLOURS if f"privileged/{colour}/pose" in out):
        out[key] = np.concatenate([cell.to_cell(out[key][:, :3]), out[key][:, 3:]], 1).astype(np.float32)
    if (plan := out.get(PLAN_KEY)) is not None:
        plan, place = plan.astype(np.float64), len(GRASP)
        placed = _has_place(plan)
        for first in (0, place):
            plan[:, first : first + 3] = cell.to_cell(plan[:, first : first + 3])
        plan[:, place + 3] = (plan[:, place + 3] - cell.origin[2]) / cell.scale
        plan[:, place:-1] *= placed
        out[PLAN_KEY] = plan.astype(np.float32)
    return out


def auxiliary_targets(privileged: Mapping[str, np.ndarray], faces: Faces) -> tuple[np.ndarray, np.ndarray]:
    """Targets and weights [N len(NAMES)]; the weight is 0 where there is no truth.

    Args:
        privileged: `privileged/<colour>/pose` [N 7] and `privileged/<colour>/object` [N 1] of the three colours,
            and PLAN_KEY [N 10], NaN in frames that have none.
        faces: of the objects that the object numbers stand for.
    """
    poses = {colour: privileged[f"privileged/{colour}/pose"] for colour in COLOURS}
    positions = np.concatenate([pose[:, :3] for pose in poses.values()], 1)
    looks = [
        face_harmonics(pose[:, 3:], privileged[f"privileged/{colour}/object"][:, 0].astype(int), faces)
        for colour, pose in poses.items()
    ]
    plan = privileged.get(PLAN_KEY, np.full((len(positions), len(GRASP) + len(PLACE) + 1), np.nan))
    known = np.isfinite(plan).all(1, keepdims=True)
    seeks, placed = known & (plan[:, -1:] > 0.5), known & _has_place(plan)
    targets = _to_units(np.concatenate([positions, *looks, np.where(known, plan[:, :-1], np.nan)], 1))
    given = np.ones((len(positions), len(POSITIONS) + len(FACES)))
    weights = np.concatenate([given, np.repeat(seeks, len(GRASP), 1), np.repeat(placed, len(PLACE), 1)], 1)
    return np.nan_to_num(targets), weights.astype(np.float32)


def _has_place(plan: np.ndarray) -> np.ndarray:
    """[N 1] bool: the plans [N 10] with a PLACE."""
    return (plan[:, len(GRASP) : -1] != 0.0).any(1, keepdims=True)


def face_harmonics(quat_xyzw: np.ndarray, numbers: np.ndarray, faces: Faces) -> np.ndarray:
    """[N 2 * len(HARMONICS)] of N orientations [N 4] of objects by number [N]: sin, cos of each harmonic."""
    out = np.zeros((len(numbers), 2 * len(HARMONICS)))
    for number in np.unique(numbers):
        rows = numbers == number
        normals, areas = faces[number]
        normals = np.einsum("fj,nij->nfi", normals, _matrices(quat_xyzw[rows]))
        # A face that leans is met less squarely: its weight falls with the square of its tilt.
        weight = areas * np.square(1 - np.square(normals[..., 2]))
        angle = np.arctan2(normals[..., 1], normals[..., 0])
        total = weight.sum(-1) + 1e-9
        parts = [(weight * wave(k * angle)).sum(-1) / total for k in HARMONICS for wave in (np.sin, np.cos)]
        out[rows] = np.stack(parts, -1)
    return out


def _matrices(quat_xyzw: np.ndarray) -> np.ndarray:
    return np.moveaxis(matrix_from_quat_xyzw(np.asarray(quat_xyzw, np.float64).T), -1, 0)


def _to_units(values: np.ndarray) -> np.ndarray:
    """Lengths [m] to (length - centre) / LENGTH_M; sines and cosines unchanged."""
    is_length = MILLIMETRES > 1
    centre = np.array([CENTRE[name.split("_")[1]] if length else 0.0 for name, length in zip(NAMES, is_length)])
    return ((values - centre) / np.where(is_length, LENGTH_M, 1.0)).astype(np.float32)
