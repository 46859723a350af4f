"""Auxiliary heads: what they should predict, and what their errors add to the loss. They are absent at deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import optax

from gato_ros.models.gato import Output
from gato_ros.training.supervision import SEEN, AuxiliaryTargets


def auxiliary_losses(
    output: Output, targets: AuxiliaryTargets, weight: float, patch_weight: float, patch_names: Sequence[str]
) -> tuple[Any, dict[str, Any]]:
    """What the heads add to the loss, and its parts; nothing for a model without heads."""
    total, values = 0.0, {}
    heads = [head for head in (output.auxiliary, output.auxiliary_early) if head is not None]
    if heads:
        errors = [(jnp.abs(head - targets.numbers) * targets.weight).mean() for head in heads]
        values["auxiliary_loss"] = sum(errors) / len(heads)
        total = weight * values["auxiliary_loss"]
    if output.patch_auxiliary is not None and targets.patch.size:
        values["patch_loss"] = patch_loss(output.patch_auxiliary, targets.patch, targets.patch_weight, patch_names)
        total = total + patch_weight * values["patch_loss"]
    return total, values


def auxiliary_error(output: Output, targets: AuxiliaryTargets) -> dict[str, Any]:
    """ "auxiliary_error" [n], the mean absolute error of each number where it is known; nothing without a head."""
    if output.auxiliary is None:
        return {}
    error, axes = jnp.abs(output.auxiliary - targets.numbers) * targets.weight, tuple(range(targets.weight.ndim - 1))
    return {"auxiliary_error": error.sum(axes) / (targets.weight.sum(axes) + 1e-6)}


def patch_loss(predicted: Any, target: Any, weight: Any, names: Sequence[str]) -> Any:
    """Cross-entropy of what is seen in each patch, and the L1 error of what is known of it."""
    seen = jnp.array([name.endswith(SEEN) for name in names])
    presence = optax.sigmoid_binary_cross_entropy(predicted, target)
    error = jnp.where(seen, 0.0, jnp.abs(predicted - target) * weight)
    known = jnp.maximum(jnp.where(seen, 0.0, weight).sum(), 1.0)
    counted = jnp.where(seen, weight, 0.0)
    return (counted * presence).sum() / jnp.maximum(counted.sum(), 1.0) + error.sum() / known
