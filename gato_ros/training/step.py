"""One gradient step of single-step cloning: augmentation and loss."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import forward_step
from gato_ros.models.layout import BINS, CONTINUOUS_START, TokenLayout
from gato_ros.models.loss import action_loss
from gato_ros.models.tokenizer import StepTokens, text_ids
from gato_ros.training.auxiliary import auxiliary_error, auxiliary_losses
from gato_ros.training.config import TrainingConfig
from gato_ros.training.examples import Batch
from gato_ros.training.optimiser import TrainingState, descended


@partial(jax.jit, static_argnames=("config", "model", "layout"), donate_argnames=("state",))
def train_step(
    state: TrainingState, batch: Batch, *, config: TrainingConfig, model: GatoConfig, layout: TokenLayout
) -> tuple[TrainingState, dict[str, Any]]:
    """The state after one batch, and the losses. Randomness is a function of seed and step."""
    rng = jax.random.fold_in(jax.random.key(config.seed), state.step)
    augment_rng, blind_rng, model_rng = jax.random.split(rng, 3)
    tokens = augment(batch.tokens, config, augment_rng)
    blind = jax.random.bernoulli(blind_rng, config.blind_share, (tokens.ids.shape[0],))
    tokens = tokens._replace(ids=jnp.where(blind[:, None], hidden(tokens.ids, layout), tokens.ids))

    def loss(params: Any) -> tuple[Any, dict[str, Any]]:
        output = forward_step(params, model, layout, tokens, rng=model_rng, train=True)
        return losses(output, batch, config, model, layout, 1.0 - blind.astype(jnp.float32))

    (_, values), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
    return descended(state, gradients, config), values


@partial(jax.jit, static_argnames=("config", "model", "layout"))
def measure(
    params: Any, batch: Batch, *, config: TrainingConfig, model: GatoConfig, layout: TokenLayout
) -> dict[str, Any]:
    """The losses and errors of a batch without augmentation."""
    output = forward_step(params, model, layout, batch.tokens)
    _, values = losses(output, batch, config, model, layout, jnp.ones(batch.action_bins.shape[0]))
    errors = action_errors(layout, output.action_logits.argmax(-1), batch.action_bins)
    return {
        **values,
        **{name: each.mean(0) for name, each in errors.items()},
        **auxiliary_error(output, batch.auxiliary),
    }


def spread(sigma_bins: float, layout: TokenLayout) -> float:
    """The spread of the targets over the choices: discrete values next to each other need not be alike."""
    return 0.0 if layout.action_values else sigma_bins


def action_errors(layout: TokenLayout, chosen: Any, wanted: Any) -> dict[str, Any]:
    """ "action_error", in half ranges, and "action_accuracy" of choices [... actions].

    A continuous action is right on the right side of the middle, which is what counts of one that is binary.
    """
    if layout.action_values:
        right = (chosen == wanted).astype(jnp.float32)
        return {"action_error": 1.0 - right, "action_accuracy": right}
    sides = (chosen >= BINS // 2) == (wanted >= BINS // 2)
    return {"action_error": jnp.abs(chosen - wanted) * 2.0 / BINS, "action_accuracy": sides.astype(jnp.float32)}


def losses(
    output: Any, batch: Batch, config: TrainingConfig, model: GatoConfig, layout: TokenLayout, acts: Any
) -> tuple[Any, dict[str, Any]]:
    """The weighted sum, and its parts. `acts` [batch] is 1 where the action counts, 0 for hidden proprioception."""
    each = action_loss(output.action_logits, batch.action_bins, spread(config.soft_sigma_bins, layout))
    action = (each * acts).sum() / jnp.maximum(acts.sum(), 1.0)
    more, values = auxiliary_losses(
        output, batch.auxiliary, config.auxiliary_weight, config.patch_weight, model.patch_auxiliary
    )
    total = action + more
    return total, {"action_loss": action, **values, "loss": total}


def hidden(ids: Any, layout: TokenLayout) -> Any:
    """The same tokens with nothing to read in them: continuous ones in the middle bin, discrete ones zero.

    Texts stay: what the expert will do, which the features predict, depends on the task.
    """
    text = np.array([item.kind == "text" for item in layout.vectors for _ in range(item.tokens)], bool)
    return jnp.where(text, ids, jnp.where(ids >= CONTINUOUS_START, CONTINUOUS_START + BINS // 2, 0))


def without_text(tokens: StepTokens, hide: Any, layout: TokenLayout) -> StepTokens:
    """The same steps, with the empty text where `hide` [...], whose axes are the leading ones of the tokens."""
    spelled = [
        text_ids(layout, item, np.zeros(item.shape, np.float32)) if item.kind == "text" else np.full(item.tokens, -1)
        for item in layout.vectors
    ]
    empty = np.concatenate(spelled)
    return tokens._replace(ids=jnp.where(jnp.asarray(hide)[..., None] & (empty >= 0), empty, tokens.ids))


def augment(tokens: StepTokens, config: TrainingConfig, rng: Any) -> StepTokens:
    """Colour gain, pixel noise, blanked patches, moved observation bins. No shifts: the cameras are fixed."""
    gain_rng, noise_rng, drop_rng, id_rng = jax.random.split(rng, 4)
    patches = tokens.patches.astype(jnp.float32)
    batch, count = patches.shape[:2]
    gain = 1.0 + config.brightness * jax.random.normal(gain_rng, (batch, 1, 1, 1, 3))
    patches = patches * gain
    if config.pixel_noise:
        patches = patches + config.pixel_noise * jax.random.normal(noise_rng, patches.shape)
    keep = jax.random.bernoulli(drop_rng, 1 - config.patch_dropout, (batch, count, 1, 1, 1))
    patches = jnp.where(keep, jnp.clip(patches, 0, 255), 60.0)
    ids = tokens.ids
    move = jax.random.randint(id_rng, ids.shape, -config.token_noise_bins, config.token_noise_bins + 1)
    moved = jnp.clip(ids + move, CONTINUOUS_START, CONTINUOUS_START + BINS - 1)
    return StepTokens(patches, jnp.where(ids >= CONTINUOUS_START, moved, ids))
