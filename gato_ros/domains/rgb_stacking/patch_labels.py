"""Ground truth patch by patch: which object is seen where, and which way it is turned as that camera sees it.

One number per frame must find its way through attention before it teaches the stem anything; these teach each patch
what is in it. In the simulator only, while training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.domains.rgb_stacking.auxiliary import COLOURS, HARMONICS, Faces, face_harmonics
from gato_ros.models.layout import TokenLayout

OF_EACH = ("seen", "across", "down", *(f"{part}{k}" for k in HARMONICS for part in ("sin", "cos")))
"""Of each colour: 1 where its centre lies in the patch; where in the patch it is [patches, from its middle]; the
harmonics of its upright faces (auxiliary.FACES), counted from the camera's line of sight, so that what looks alike
has like numbers in every camera."""
PATCH_NAMES = tuple(f"{colour}_{what}" for colour in COLOURS for what in OF_EACH)
MIRROR = np.array([-1 if what == "across" or what.startswith("sin") else 1 for what in OF_EACH[1:]], np.float32)


@dataclass(frozen=True)
class View:
    """A camera as the simulator places it."""

    position: np.ndarray
    """[3] of its eye, base frame [m]."""
    clip_from_base: np.ndarray
    """[4 4] OpenGL projection times view."""


@dataclass(frozen=True)
class PatchLabels:
    """N frames' objects in C cameras."""

    patch: np.ndarray
    """[N C colours] patch of each object's centre within its camera's grid, row by row; -1 where it is outside."""
    values: np.ndarray
    """[N C colours len(OF_EACH) - 1] the numbers after "seen"."""
    grid: tuple[int, int]
    """Rows and columns of patches, the same in all cameras."""
    known: np.ndarray
    """[N] bool: where the objects are known; of other frames nothing is predicted."""

    @staticmethod
    def where(truth: np.ndarray, found: PatchLabels) -> PatchLabels:
        """The labels of the frames with `truth` [N], n of them true, from those of these n alone."""
        if truth.all():
            return found
        patch = np.full((len(truth), *found.patch.shape[1:]), -1, found.patch.dtype)
        values = np.zeros((len(truth), *found.values.shape[1:]), found.values.dtype)
        patch[truth], values[truth] = found.patch, found.values
        return PatchLabels(patch, values, found.grid, truth)

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Targets and weights [len(rows) patches len(PATCH_NAMES)], patches camera by camera.

        `mirrored` [n] are places in the batch whose frame is reflected left to right, which swaps two cameras.
        """
        patch, values = self.patch[rows], self.values[rows]
        if mirrored is not None and len(mirrored):
            patch[mirrored] = self._reflected(patch[mirrored][:, ::-1])
            values[mirrored] = values[mirrored][:, ::-1] * MIRROR
        batch, cameras, colours = patch.shape
        each = len(OF_EACH)
        targets = np.zeros((batch, cameras, self.grid[0] * self.grid[1], colours, each), np.float32)
        weights = np.zeros_like(targets)
        weights[..., 0] = self.known[rows][:, None, None, None]
        where = np.nonzero(patch >= 0)
        place = (where[0], where[1], patch[where], where[2])
        targets[place] = np.concatenate([np.ones((len(where[0]), 1)), values[where]], 1)
        weights[place] = 1.0
        shape = (batch, -1, colours * each)
        return targets.reshape(shape), weights.reshape(shape)

    def _reflected(self, patch: np.ndarray) -> np.ndarray:
        row, column = np.divmod(patch, self.grid[1])
        return np.where(patch >= 0, row * self.grid[1] + self.grid[1] - 1 - column, -1)


def patch_labels(
    privileged: Mapping[str, np.ndarray], faces: Faces, views: Mapping[str, View], layout: TokenLayout
) -> PatchLabels:
    """Where the undisturbed cameras see the centres of the objects.

    Args:
        privileged: `privileged/<colour>/pose` [N 7] and `privileged/<colour>/object` [N 1].
        faces: of the objects, by number.
        views: image key -> camera, for every image of the layout.
        layout: its images must have one size.
    """
    (grid,) = {layout.grid(item) for item in layout.images}
    patches, values, size = [], [], layout.patch_size
    for item in layout.images:
        view, found, labels = views[item.key], [], []
        for colour in COLOURS:
            pose = privileged[f"privileged/{colour}/pose"].astype(np.float64)
            across, down = _pixels(view, pose[:, :3], item.shape[:2])
            column, row = (across - layout.crop.left) / size, (down - layout.crop.top) / size
            inside = (column >= 0) & (column < grid[1]) & (row >= 0) & (row < grid[0])
            found.append(np.where(inside, np.floor(row) * grid[1] + np.floor(column), -1).astype(np.int32))
            harmonics = face_harmonics(pose[:, 3:], privileged[f"privileged/{colour}/object"][:, 0].astype(int), faces)
            bearing = np.arctan2(*(pose[:, :2] - view.position[:2]).T[::-1])
            labels.append(np.column_stack([column % 1 - 0.5, row % 1 - 0.5, _turned_back(harmonics, bearing)]))
        patches.append(np.stack(found, 1))
        values.append(np.stack(labels, 1))
    known = np.ones(len(patches[0]), bool)
    return PatchLabels(np.stack(patches, 1), np.stack(values, 1).astype(np.float32), grid, known)


def _pixels(view: View, points: np.ndarray, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels across and down of points [N 3] in a picture of that height and width."""
    clip = np.column_stack([points, np.ones(len(points))]) @ view.clip_from_base.T
    return (clip[:, 0] / clip[:, 3] + 1) / 2 * size[1], (1 - clip[:, 1] / clip[:, 3]) / 2 * size[0]


def _turned_back(harmonics: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Harmonics [N 2k] (sin, cos of each) of the same directions counted from `angle` [N]."""
    out = np.empty_like(harmonics)
    for i, k in enumerate(HARMONICS):
        sine, cosine = harmonics[:, 2 * i], harmonics[:, 2 * i + 1]
        out[:, 2 * i] = sine * np.cos(k * angle) - cosine * np.sin(k * angle)
        out[:, 2 * i + 1] = cosine * np.cos(k * angle) + sine * np.sin(k * angle)
    return out
