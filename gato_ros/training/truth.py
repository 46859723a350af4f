"""What the auxiliary heads are asked of each frame: the simulator's ground truth, as targets and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

from gato_ros.data.frames import Frames
from gato_ros.models.gato import Output
from gato_ros.models.layout import TokenLayout
from gato_ros.training.auxiliary import NAMES, Faces, auxiliary_targets, has_truth
from gato_ros.training.mirror import AUXILIARY_SIGN
from gato_ros.training.sight import PATCH_NAMES, Sightings, View, sightings


class Asked(NamedTuple):
    """Targets of some frames, with as many leading axes as these have; weights are 0 where there is no truth."""

    numbers: np.ndarray
    """[... n] of `auxiliary.NAMES`."""
    weight: np.ndarray
    """[... n]"""
    patch: np.ndarray
    """[... patches m] of `sight.PATCH_NAMES`; no patches if nothing is asked of them."""
    patch_weight: np.ndarray
    """[... patches m]"""


@dataclass(frozen=True)
class Truth:
    """The targets of N frames."""

    numbers: np.ndarray
    """[N n]"""
    weight: np.ndarray
    """[N n]"""
    sightings: Sightings | None = None
    """What each patch shows, if the cameras are known."""

    @staticmethod
    def of(frames: Frames, layout: TokenLayout, faces: Faces, views: Mapping[str, View] | None = None) -> Truth:
        """What is known of the frames; nothing where their objects are unknown.

        Args:
            faces: of the simulator's objects, by number.
            views: image key -> camera of the simulator; None asks nothing of single patches.
        """
        known = has_truth(frames.privileged, len(frames))
        told = {key: value[known] for key, value in frames.privileged.items()}
        numbers, weight = (np.zeros((len(frames), len(NAMES)), np.float32) for _ in range(2))
        seen = None
        if known.any():
            numbers[known], weight[known] = auxiliary_targets(told, faces)
            if views and layout.images:
                seen = Sightings.where(known, sightings(told, faces, views, layout))
        return Truth(numbers, weight, seen)

    def asked(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> Asked:
        """Of the frames of `rows` [batch]; `mirrored` [n] are places in it that are reflected left to right."""
        numbers = self.numbers[rows]
        if mirrored is not None and len(mirrored):
            numbers[mirrored] *= AUXILIARY_SIGN
        nothing = np.zeros((len(rows), 0, 0), np.float32)
        patch, patch_weight = self.sightings.targets(rows, mirrored) if self.sightings else (nothing, nothing)
        return Asked(numbers, self.weight[rows], patch, patch_weight)


def auxiliary_losses(output: Output, asked: Asked, weight: float, patch_weight: float) -> tuple[Any, dict[str, Any]]:
    """What the heads add to the loss, and its parts; nothing for a model without heads."""
    total, values = 0.0, {}
    heads = [head for head in (output.auxiliary, output.auxiliary_early) if head is not None]
    if heads:
        errors = [(jnp.abs(head - asked.numbers) * asked.weight).mean() for head in heads]
        values["auxiliary_loss"] = sum(errors) / len(heads)
        total = weight * values["auxiliary_loss"]
    if output.patch_auxiliary is not None and asked.patch.size:
        values["patch_loss"] = patch_loss(output.patch_auxiliary, asked.patch, asked.patch_weight)
        total = total + patch_weight * values["patch_loss"]
    return total, values


def auxiliary_error(output: Output, asked: Asked) -> dict[str, Any]:
    """ "auxiliary_error" [n], the mean absolute error of each number where it is known; nothing without a head."""
    if output.auxiliary is None:
        return {}
    error, axes = jnp.abs(output.auxiliary - asked.numbers) * asked.weight, tuple(range(asked.weight.ndim - 1))
    return {"auxiliary_error": error.sum(axes) / (asked.weight.sum(axes) + 1e-6)}


def patch_loss(predicted: Any, target: Any, weight: Any) -> Any:
    """Cross-entropy of what is seen in each patch, and the L1 error of what is known of it."""
    seen = jnp.array([name.endswith("_seen") for name in PATCH_NAMES])
    presence = optax.sigmoid_binary_cross_entropy(predicted, target)
    error = jnp.where(seen, 0.0, jnp.abs(predicted - target) * weight)
    known = jnp.maximum(jnp.where(seen, 0.0, weight).sum(), 1.0)
    asked = jnp.where(seen, weight, 0.0)
    return (asked * presence).sum() / jnp.maximum(asked.sum(), 1.0) + error.sum() / known
