# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""What is learned: text and action tokens; never observations or the separator (Gato section 2.3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.layout import BINS, TokenLayout


def loss_mask(layout: TokenLayout) -> Bool[np.ndarray, " step_tokens"]:
    """True for the tokens of a step that are predicted."""
    mask = np.zeros(layout.step_tokens, bool)
    mask[-layout.actions :] = True
    return mask


def masked_cross_entropy(
    logits: Float[Array, "*batch vocabulary"], targets: Int[Array, "*batch"], mask: Bool[Array, "*batch"]
) -> Float[Array, ""]:
    """Mean negative log-likelihood [nat] of the targets where the mask is true; 0 where it is nowhere true."""
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1)[..., 0]
    return -jnp.sum(jnp.where(mask, picked, 0.0)) / jnp.maximum(mask.sum(), 1)


def action_loss(
    action_logits: Float[Array, "batch actions bins"], action_bins: Int[Array, "batch actions"], soft_sigma_bins: float
) -> Float[Array, " batch"]:
    """Cross-entropy [nat] per sample, mean over the actions.

    The target is a Gaussian of `soft_sigma_bins` over the bins, normalised; 0 makes it one bin.
    """
    log_probability = jax.nn.log_softmax(action_logits)
    if soft_sigma_bins == 0:
        return -jnp.take_along_axis(log_probability, action_bins[..., None], -1)[..., 0].mean(-1)
    return -(spread_bins(action_bins, soft_sigma_bins) * log_probability).sum(-1).mean(-1)


def masked_action_loss(
    logits: Float[Array, "*batch rows"],
    action_bins: Int[Array, "*batch"],
    mask: Bool[Array, "*batch"],
    first_row: int,
    soft_sigma_bins: float,
) -> Float[Array, ""]:
    """As `masked_cross_entropy` against the whole table, with the targets of `action_loss`.

    Args:
        first_row: of the table, for the first bin.
    """
    if soft_sigma_bins == 0:
        return masked_cross_entropy(logits, first_row + action_bins, mask)
    log_probability = jax.nn.log_softmax(logits)[..., first_row : first_row + BINS]
    each = (spread_bins(action_bins, soft_sigma_bins) * log_probability).sum(-1)
    return -jnp.sum(jnp.where(mask, each, 0.0)) / jnp.maximum(mask.sum(), 1)


def spread_bins(bins: Int[Array, "*batch"], sigma: float) -> Float[Array, "*batch bins"]:
    """A Gaussian of `sigma` over all bins around each of `bins`, normalised: near bins are near velocities."""
    return jax.nn.softmax(-0.5 * ((jnp.arange(BINS) - bins[..., None]) / sigma) ** 2)
