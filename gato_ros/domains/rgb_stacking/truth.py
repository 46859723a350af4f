"""The simulator's ground truth of each frame, as targets and weights of the auxiliary heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.domains.rgb_stacking.auxiliary import NAMES, Faces, auxiliary_targets, has_truth
from gato_ros.domains.rgb_stacking.mirror import AUXILIARY_SIGN
from gato_ros.domains.rgb_stacking.patch_labels import PatchLabels, View, patch_labels
from gato_ros.models.layout import TokenLayout
from gato_ros.training.supervision import AuxiliaryTargets


@dataclass(frozen=True)
class Truth:
    """The targets of N frames."""

    numbers: np.ndarray
    """[N n]"""
    weight: np.ndarray
    """[N n]"""
    patch_labels: PatchLabels | None = None
    """What each patch shows, if the cameras are known."""

    @staticmethod
    def of(frames: Frames, layout: TokenLayout, faces: Faces, views: Mapping[str, View] | None = None) -> Truth:
        """What is known of the frames; nothing where their objects are unknown.

        Args:
            faces: of the simulator's objects, by number.
            views: image key -> camera of the simulator; None asks nothing of single patches.
        """
        known = has_truth(frames.privileged, len(frames))
        truth = {key: value[known] for key, value in frames.privileged.items()}
        numbers, weight = (np.zeros((len(frames), len(NAMES)), np.float32) for _ in range(2))
        seen = None
        if known.any():
            numbers[known], weight[known] = auxiliary_targets(truth, faces)
            if views and layout.images:
                seen = PatchLabels.where(known, patch_labels(truth, faces, views, layout))
        return Truth(numbers, weight, seen)

    def targets(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> AuxiliaryTargets:
        """Of the frames of `rows` [batch]; `mirrored` [n] are places in it that are reflected left to right."""
        numbers = self.numbers[rows]
        if mirrored is not None and len(mirrored):
            numbers[mirrored] *= AUXILIARY_SIGN
        nothing = np.zeros((len(rows), 0, 0), np.float32)
        patch, patch_weight = self.patch_labels.targets(rows, mirrored) if self.patch_labels else (nothing, nothing)
        return AuxiliaryTargets(numbers, self.weight[rows], patch, patch_weight)
