# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Gato as pure functions over the dict that `parameters.init` makes: what is compiled and differentiated.

Each makes the NNX module of its parameters (`state.merge`) while it is traced.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.loss import masked_cross_entropy
from gato_ros.models.modules.network import Output
from gato_ros.models.parameters import Parameters, count_parameters, init, parameter_shapes
from gato_ros.models.state import merge
from gato_ros.models.table import table_row
from gato_ros.models.tokenizer import StepTokens

__all__ = [
    "Output",
    "count_parameters",
    "forward_step",
    "init",
    "parameter_shapes",
    "separator_features",
    "sequence_features",
    "sequence_logits",
    "sequence_loss",
    "sequence_output",
]


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
    return merge(params, config).one_pass(layout, tokens, rng if train else None)


def separator_features(
    params: Parameters, config: GatoConfig, layout: TokenLayout, tokens: StepTokens
) -> Float[Array, "batch width"]:
    """What single steps come to before their actions are chosen: the normed feature of the separator, which has seen
    all of the step's observations. Arguments as for `forward_step`."""
    return merge(params, config).deciding(layout, tokens)[0][:, 0]


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
    return merge(params, config).sequence(layout, tokens, action_ids, rng, pieces)[0]


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
    model = merge(params, config)
    features, _ = model.sequence(layout, tokens, jnp.asarray(action_ids), rng, pieces, deciding_only=True)
    return model.action_logits(layout, features)


def sequence_output(
    params: Parameters,
    config: GatoConfig,
    layout: TokenLayout,
    tokens: StepTokens,
    action_ids: Any,
    *,
    pieces: Any = None,
    rng: Array | None = None,
    legal_only: bool = False,
) -> Output:
    """`sequence_logits`, and what the auxiliary heads say of every step, if there are any.

    `legal_only` leaves out the rows of the table that no action may be: of a large vocabulary that is most of the work.
    """
    model = merge(params, config)
    features, early = model.sequence(layout, tokens, jnp.asarray(action_ids), rng, pieces, deciding_only=True)
    logits = model.action_logits(layout, features, legal_only)
    return model.with_auxiliary(layout, logits, features[:, :, 0], early)
