# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Gato as one Flax NNX module: embedding, transformer, heads. `gato` has its pure functions, `state` its arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float, Int

from gato_ros.models.arrays import Array
from gato_ros.models.choices import choice_rows, legal
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.modules.embedding import Embedding
from gato_ros.models.modules.layers import LayerNorm, Linear, product
from gato_ros.models.modules.transformer import Transformer
from gato_ros.models.tokenizer import StepTokens


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
    """[... cells m] the named numbers of every cell of `TokenLayout.cells`, read after `auxiliary_early_layer` layers;
    None without."""


class Gato(nnx.Module):
    """Section 2 of the paper: tokens in, logits of actions out. The table that embeds is the one that predicts."""

    def __init__(self, config: GatoConfig, *, images: bool, actions: int, observation_tokens: int):
        self.config = config
        self.embedding = Embedding(config, images=images, actions=actions, observation_tokens=observation_tokens)
        self.transformer = Transformer(config)
        self.auxiliary = AuxiliaryHeads(config) if config.auxiliary else None

    def one_pass(self, layout: TokenLayout, tokens: StepTokens, rng: Array | None = None) -> Output:
        """All actions of a batch of single steps, the action inputs zeroed; with `rng` a training pass."""
        features, early = self.deciding(layout, tokens, rng)
        table = self.embedding.table.array
        logits = legal(layout, product(self.config, features[:, 1:], choice_rows(self.config, layout, table).T))
        return self.with_auxiliary(layout, logits, features[:, 0], early)

    def deciding(
        self, layout: TokenLayout, tokens: StepTokens, rng: Array | None = None
    ) -> tuple[Float[Array, "batch deciding width"], Float[Array, "batch step width"] | None]:
        """Normed features of the separator and of each action's query, of a batch of single steps; and the stream after
        `auxiliary_early_layer`."""
        position_rng, layer_rng = (None, None) if rng is None else jax.random.split(rng)
        observation = self.embedding.observation(layout, tokens, position_rng)
        queries = self.embedding.action_queries(layout, observation.shape[0])
        x = jnp.concatenate([observation, queries], 1)
        return self.transformer(x, outputs=layout.actions + 1, rng=layer_rng)

    def sequence(
        self,
        layout: TokenLayout,
        tokens: StepTokens,
        action_ids: Int[Array, "batch steps actions"],
        rng: Array | None = None,
        pieces: Any = None,
        deciding_only: bool = False,
    ) -> tuple[Float[Array, "batch steps step width"], Float[Array, "batch steps step width"] | None]:
        """Normed features of every token of packed steps, actions teacher-forced; and the stream after
        `auxiliary_early_layer`.

        `deciding_only` leaves the features of each step's separator and actions, [batch steps actions+1 width].
        """
        batch, steps = action_ids.shape[:2]
        position_rng, layer_rng = (None, None) if rng is None else jax.random.split(rng)
        flat = jax.tree.map(lambda part: jnp.asarray(part).reshape(batch * steps, *part.shape[2:]), tokens)
        observation = self.embedding.observation(layout, flat, position_rng)
        actions = self.embedding.actions(jnp.asarray(action_ids).reshape(batch * steps, -1))
        x = jnp.concatenate([observation, actions], 1).reshape(batch, steps * layout.step_tokens, self.config.width)
        each = None if pieces is None else jnp.repeat(jnp.asarray(pieces), layout.step_tokens, 1)
        # The last layer of a single step need not compute what nothing is read from.
        outputs = layout.actions + 1 if deciding_only and steps == 1 else None
        features, early = self.transformer(x, outputs=outputs, rng=layer_rng, pieces=each)
        by_step = (batch, steps, -1, self.config.width)
        features = features.reshape(by_step)
        if deciding_only:
            features = features[:, :, -layout.actions - 1 :]
        return features, None if early is None else early.reshape(by_step)

    def row_logits(self, features: Float[Array, "... width"]) -> Float[Array, "... rows"]:
        """Over the whole table."""
        return product(self.config, features, self.embedding.table.array.T)

    def action_logits(
        self, layout: TokenLayout, features: Float[Array, "batch steps deciding width"], legal_only: bool = False
    ) -> Float[Array, "batch steps actions rows"]:
        """Of every action of packed steps, predicted by the token before it: the separator and all actions but the
        last. Over the whole table, or over the choices of an action alone. `features`: as of `deciding_only`."""
        deciding = features[:, :, :-1]
        if not legal_only:
            return self.row_logits(deciding)
        rows = choice_rows(self.config, layout, self.embedding.table.array)
        return legal(layout, product(self.config, deciding, rows.T))

    def with_auxiliary(self, layout: TokenLayout, logits: Array, separator: Array, early: Array | None) -> Output:
        """The logits, and what the auxiliary heads say of the separator's feature and of the step's tokens (last axis
        but one of `early`)."""
        return Output(logits) if self.auxiliary is None else Output(logits, *self.auxiliary(layout, separator, early))


class AuxiliaryHead(Linear):
    """Named numbers that a feature predicts while training."""

    def __init__(self, config: GatoConfig, names: tuple[str, ...]):
        super().__init__(config, config.width, len(names), 0.1, bias=True)
        self.norm = LayerNorm(config.width)

    def __call__(self, feature: Float[Array, "... width"]) -> Float[Array, "... auxiliary"]:
        return super().__call__(self.norm(feature))


class AuxiliaryHeads(nnx.Module):
    """What shapes the features while training and is never deployed."""

    def __init__(self, config: GatoConfig):
        self.final = AuxiliaryHead(config, config.auxiliary)
        self.early = AuxiliaryHead(config, config.auxiliary) if config.auxiliary_early_layer else None
        self.patch = AuxiliaryHead(config, config.patch_auxiliary) if config.patch_auxiliary else None

    def __call__(
        self, layout: TokenLayout, separator: Float[Array, "... width"], early: Float[Array, "... step width"] | None
    ) -> tuple[Array, Array | None, Array | None]:
        """By the names of `Output`: auxiliary, auxiliary_early, patch_auxiliary."""
        final = self.final(separator)
        if self.early is None or early is None:
            return final, None, None
        patches = None if self.patch is None else self.patch(early[..., layout.cells, :])
        return final, self.early(early[..., layout.observation_tokens, :]), patches
