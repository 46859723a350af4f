# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Gato: a step's tokens in, action logits out. Pure functions over the dict that `parameters.init` makes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.choices import choice_rows, legal
from gato_ros.models.config import GatoConfig
from gato_ros.models.embedding import action_queries, dense, embed_actions, embed_observation, layer_norm, product
from gato_ros.models.layout import TokenLayout
from gato_ros.models.loss import masked_cross_entropy
from gato_ros.models.parameters import Parameters, count_parameters, init, parameter_shapes, table_row
from gato_ros.models.tokenizer import StepTokens
from gato_ros.models.transformer import decoder

__all__ = [
    "Output",
    "count_parameters",
    "forward_step",
    "init",
    "parameter_shapes",
    "sequence_features",
    "sequence_logits",
    "sequence_loss",
    "sequence_output",
]


class Output(NamedTuple):
    """What control steps give; `...` is [batch], or [batch steps] of sequences."""

    action_logits: Array
    """[... actions choices] over the bins or values of each action, the only legal ids; of sequences
    [... actions rows], over the whole table."""
    auxiliary: Array | None = None
    """[... n] the named auxiliary numbers from the separator's last feature; None without the head."""
    auxiliary_early: Array | None = None
    """[... n] the same, read after `auxiliary_early_layer` layers; None without."""
    patch_auxiliary: Array | None = None
    """[... patches m] the named numbers of every patch, read after `auxiliary_early_layer` layers; None without."""


def forward_step(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    *,
    rng: Array | None = None,
    train: bool = False,
) -> Output:
    """All actions of a batch of single steps in one pass, the action inputs zeroed (config `one_pass`).

    Args:
        tokens: patches [batch patches size size 3] on the 0..255 scale, ids [batch values].
        rng: needed while training: patch positions, dropout, stochastic depth.
    """
    if config.action_decoding != "one_pass":
        raise ValueError("forward_step decodes in one pass; this config is autoregressive: use sequence_loss or Stream")
    if train and rng is None:
        raise ValueError("training draws patch positions and dropout: give rng")
    position_rng, layer_rng = jax.random.split(rng) if train else (None, None)
    observation = embed_observation(params, config, layout, tokens, position_rng)
    queries = action_queries(params, config, layout, observation.shape[0])
    x = jnp.concatenate([observation, queries], 1)
    features, early = decoder(params, config, x, outputs=layout.actions + 1, rng=layer_rng)
    logits = legal(layout, product(config, features[:, 1:], choice_rows(config, layout, params["table"]).T))
    return _with_auxiliary(params, config, layout, logits, features[:, 0], early)


def _with_auxiliary(
    params: Parameters, config: GatoConfig, layout: TokenLayout, logits: Array, separator: Array, early: Array | None
) -> Output:
    """The logits, and what the auxiliary heads say of the separator's feature and of the step's tokens (last axis but
    one of `early`)."""
    if "auxiliary" not in params:
        return Output(logits)
    final = _auxiliary(params, config, "final", separator)
    if early is None:
        return Output(logits, final)
    patches = (
        _auxiliary(params, config, "patch", early[..., layout.patch_tokens, :]) if config.patch_auxiliary else None
    )
    return Output(logits, final, _auxiliary(params, config, "early", early[..., layout.observation_tokens, :]), patches)


def _auxiliary(params: Parameters, config: GatoConfig, name: str, feature: Array) -> Float[Array, "... auxiliary"]:
    head = params["auxiliary"][name]
    return dense(head, config, layer_norm(head["norm"], feature))


def sequence_features(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    action_ids: Int[Array, "batch steps actions"],
    rng: Array | None = None,
    pieces: Int[Array, "batch steps"] | None = None,
) -> Float[Array, "batch steps step width"]:
    """Normed features of every token of packed steps, actions teacher-forced.

    `tokens` has leading axes [batch steps]. With `rng` the pass is a training pass. Steps whose numbers in `pieces`
    differ do not see each other; distances within a piece are what they are alone, as positions are relative.
    """
    return _sequence(params, config, layout, tokens, action_ids, rng, pieces)[0]


def _sequence(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    action_ids: Any,
    rng: Array | None,
    pieces: Any,
) -> tuple[Array, Array | None]:
    """`sequence_features`, and the stream after `auxiliary_early_layer` in the same shape."""
    batch, steps = action_ids.shape[:2]
    position_rng, layer_rng = (None, None) if rng is None else jax.random.split(rng)
    flat = StepTokens(*(jnp.asarray(part).reshape(batch * steps, *part.shape[2:]) for part in tokens))
    observation = embed_observation(params, config, layout, flat, position_rng)
    actions = embed_actions(params, config, jnp.asarray(action_ids).reshape(batch * steps, -1))
    x = jnp.concatenate([observation, actions], 1).reshape(batch, steps * layout.step_tokens, config.width)
    each = None if pieces is None else jnp.repeat(jnp.asarray(pieces), layout.step_tokens, 1)
    features, early = decoder(params, config, x, rng=layer_rng, pieces=each)
    by_step = (batch, steps, layout.step_tokens, config.width)
    return features.reshape(by_step), None if early is None else early.reshape(by_step)


def sequence_loss(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    action_ids: Any,
    *,
    target_ids: Any = None,
    pieces: Any = None,
    step_mask: Any = None,
    rng: Array | None = None,
    train: bool = False,
) -> Float[Array, ""]:
    """Mean next-token loss [nat] over the actions of packed steps, against the whole vocabulary.

    Args:
        tokens: patches [batch steps patches size size 3], ids [batch steps values].
        action_ids: [batch steps actions] ids of what was done: what later tokens see.
        target_ids: [batch steps actions] ids of what should have been done, where that differs.
        pieces: [batch steps] numbers of the episodes that are packed into one sequence (`sequence_features`).
        step_mask: [batch steps] False for padding steps (put them last: attention is causal).
    """
    if train and rng is None:
        raise ValueError("training draws patch positions and dropout: give rng")
    logits = sequence_logits(params, config, layout, tokens, action_ids, pieces=pieces, rng=rng if train else None)
    targets = jnp.asarray(action_ids if target_ids is None else target_ids)
    mask = jnp.ones(targets.shape[:2], bool) if step_mask is None else jnp.asarray(step_mask, bool)
    mask = jnp.broadcast_to(mask[..., None], targets.shape)
    return masked_cross_entropy(logits, table_row(config, targets), mask)


def sequence_logits(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    action_ids: Any,
    *,
    pieces: Any = None,
    rng: Array | None = None,
) -> Float[Array, "batch steps actions rows"]:
    """Of every action over the whole table, given all that comes before it; arguments as for `sequence_features`."""
    features = sequence_features(params, config, layout, tokens, jnp.asarray(action_ids), rng, pieces)
    return _action_logits(params, config, layout, features)


def sequence_output(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    action_ids: Any,
    *,
    pieces: Any = None,
    rng: Array | None = None,
) -> Output:
    """`sequence_logits`, and what the auxiliary heads say of every step, if there are any."""
    features, early = _sequence(params, config, layout, tokens, jnp.asarray(action_ids), rng, pieces)
    logits = _action_logits(params, config, layout, features)
    return _with_auxiliary(params, config, layout, logits, features[:, :, layout.observation_tokens], early)


def _action_logits(params: Parameters, config: GatoConfig, layout: TokenLayout, features: Array) -> Array:
    # Each action is predicted by the token before it: the separator and all actions but the last.
    return product(config, features[:, :, layout.observation_tokens : -1], params["table"].T)
