# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Mixed sequences through the embedding and the decoder that the robot uses (Gato sections 2.2 and 2.3)."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from gato_ros.core.errors import SetupError
from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.loss import masked_cross_entropy
from gato_ros.models.modules.embedding import Embedding, mean_index
from gato_ros.models.modules.layers import product
from gato_ros.models.modules.network import Gato
from gato_ros.models.modules.patches import PatchBlock, normalise_pixels
from gato_ros.models.segments import ACTION, FIRST_ACTION, NOWHERE, SequenceTokens
from gato_ros.models.state import Parameters, merge
from gato_ros.models.table import table_row


def require_mixed(config: GatoConfig) -> None:
    """Refuse a model that cannot read mixed sequences (SetupError): one that takes all actions in one pass cannot."""
    if config.action_decoding != "autoregressive":
        raise SetupError(
            expected="a model with action_decoding = 'autoregressive', as the paper's, for text and images",
            got=repr(config.action_decoding),
            fix="use weights of a paper preset or of a generalist",
        )


Grids = tuple[tuple[int, int], ...]
"""Rows and columns of the patches of each picture (`segments.image_grids`)."""


def embed_sequence(
    embedding: Embedding, tokens: SequenceTokens, rng: Array | None = None, grids: Grids = ()
) -> Float[Array, "batch length width"]:
    """Vectors of a batch of packed sequences; with `rng`, patch positions are drawn from their interval (App. C.3).

    Args:
        grids: of the pictures, the same in every sequence; the paper's block, which sees one patch, needs none.
    """
    x = embedding.table.array[table_row(embedding.config, jnp.asarray(tokens.ids))]
    if tokens.patches.shape[1]:
        low, high = (jnp.asarray(tokens.patch_intervals)[..., i] for i in (0, 1))
        index = mean_index(low, high, jnp) if rng is None else jax.random.randint(rng, low.shape, low, high)
        patches = _patch_vectors(embedding, normalise_pixels(embedding.config, tokens.patches), grids)
        batch = jnp.arange(x.shape[0])[:, None]
        # An unused patch stands at `length`, which is outside.
        x = x.at[batch, tokens.patch_tokens].set(patches + embedding.patch_codes(index), mode="drop")
    return x + place_vectors(embedding, tokens.place)


def _patch_vectors(
    embedding: Embedding, pixels: Float[Array, "batch patches size size 3"], grids: Grids
) -> Float[Array, "batch patches width"]:
    if embedding.stem is None:
        raise SetupError(expected="a model that sees images", got="one without", fix="leave the images out")
    if isinstance(embedding.stem, PatchBlock):
        return embedding.stem(pixels)
    counts = [rows * columns for rows, columns in grids]
    if sum(counts) != pixels.shape[1]:
        raise ValueError(f"the pictures have {sum(counts)} patches, and there are {pixels.shape[1]}: give their grids")
    parts, start = [], 0
    for grid, group in itertools.groupby(grids):
        count = sum(rows * columns for rows, columns in group)
        parts.append(embedding.stem(grid, pixels[:, start : start + count]))
        start += count
    return jnp.concatenate(parts, 1)


def place_vectors(embedding: Embedding, place: Array) -> Float[Array, "... width"]:
    """The local position of each place; observations longer than the table share its last row."""
    local, place = embedding.local_position.array, jnp.asarray(place)
    vectors = local[jnp.clip(place, 0, local.shape[0] - 1)]
    actions = embedding.action_position.array
    number = jnp.where(place == ACTION, 0, FIRST_ACTION - place)
    # Neither the padding nor, by default, the separator has one.
    others = jnp.where((place == NOWHERE)[..., None], 0.0, actions[jnp.clip(number, 0, actions.shape[0] - 1)])
    return jnp.where((place >= 0)[..., None], vectors, others)


def mixed_features(
    params: Parameters,
    config: GatoConfig,
    tokens: SequenceTokens,
    rng: Array | None = None,
    grids: Grids = (),
    pieces: Int[Array, "batch length"] | None = None,
) -> Float[Array, "batch length width"]:
    """Normed features of every token. With `rng` the pass is a training pass; `pieces` as for `mixed_loss`."""
    require_mixed(config)
    return _features(merge(params, config), tokens, rng, grids, pieces)


def mixed_loss(
    params: Parameters,
    config: GatoConfig,
    tokens: SequenceTokens,
    *,
    rng: Array | None = None,
    train: bool = False,
    grids: Grids = (),
    learned: Int[Array, "batch learned"] | None = None,
    pieces: Int[Array, "batch length"] | None = None,
) -> Float[Array, ""]:
    """Mean next-token loss [nat] over the predicted tokens of a batch, against the whole vocabulary.

    The first token of a sequence has none before it and is not predicted.

    Args:
        grids: of the pictures, as for `embed_sequence`.
        learned: `segments.learned_places`: the loss is the same, and the table meets these tokens alone.
        pieces: `segments.pack_pieces`: the number of the piece of each token; no piece sees another.
    """
    if train and rng is None:
        raise ValueError("training draws patch positions and dropout: give rng")
    return masked_cross_entropy(
        *mixed_targets(params, config, tokens, rng=rng if train else None, grids=grids, learned=learned, pieces=pieces)
    )


def mixed_targets(
    params: Parameters,
    config: GatoConfig,
    tokens: SequenceTokens,
    *,
    rng: Array | None = None,
    grids: Grids = (),
    learned: Int[Array, "batch learned"] | None = None,
    pieces: Int[Array, "batch length"] | None = None,
    text_only: bool = False,
) -> tuple[Float[Array, "batch places rows"], Int[Array, "batch places"], Bool[Array, "batch places"]]:
    """Logits, the table's rows of the tokens that follow, and which of these are predicted; arguments as `mixed_loss`.

    With `rng` the pass is a training pass.

    Args:
        text_only: among the rows of text alone, for sequences of which nothing else is learned.
    """
    require_mixed(config)
    model = merge(params, config)
    features = _features(model, tokens, rng, grids, pieces)
    ids, predicted = (jnp.asarray(part) for part in (tokens.ids, tokens.predicted))
    table = model.embedding.table.array[: config.text_rows if text_only else None]
    if learned is None:
        chosen, following, follows = features[:, :-1], ids[:, 1:], predicted[:, 1:]
    else:
        chosen = jnp.take_along_axis(features, learned[..., None], 1)
        after = jnp.minimum(learned + 1, ids.shape[1] - 1)
        following = jnp.take_along_axis(ids, after, 1)
        follows = (learned + 1 < ids.shape[1]) & jnp.take_along_axis(predicted, after, 1)
    return product(config, chosen, table.T), table_row(config, following), follows


def _features(
    model: Gato, tokens: SequenceTokens, rng: Array | None, grids: Grids, pieces: Any
) -> Float[Array, "batch length width"]:
    position_rng, layer_rng = (None, None) if rng is None else jax.random.split(rng)
    x = embed_sequence(model.embedding, tokens, position_rng, grids)
    pieces = None if pieces is None else jnp.asarray(pieces)
    return model.transformer(x, rng=layer_rng, pieces=pieces)[0]
