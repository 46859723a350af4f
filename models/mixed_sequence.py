# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Mixed sequences through the embedding and the decoder that the robot uses (Gato sections 2.2 and 2.3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Float

from gato_ros.core.errors import SetupError
from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.loss import masked_cross_entropy
from gato_ros.models.modules.embedding import Embedding
from gato_ros.models.modules.network import Gato
from gato_ros.models.modules.patches import PatchBlock, normalise_pixels
from gato_ros.models.segments import ACTION, SequenceTokens
from gato_ros.models.state import Parameters, merge
from gato_ros.models.table import table_row


def require_mixed(config: GatoConfig) -> None:
    """Refuse a model that cannot read mixed sequences (SetupError): only the robot's short cuts cannot."""
    for name, wanted in (("action_decoding", "autoregressive"), ("stem", ()), ("action_positions", "shared")):
        if getattr(config, name) != wanted:
            raise SetupError(
                expected=f"a model with {name} = {wanted!r}, as the paper's, for text and images",
                got=repr(getattr(config, name)),
                fix="use weights of a paper preset",
            )


def embed_sequence(
    embedding: Embedding, tokens: SequenceTokens, rng: Array | None = None
) -> Float[Array, "batch length width"]:
    """Vectors of a batch of packed sequences; with `rng`, patch positions are drawn from their interval (App. C.3)."""
    x = embedding.table.array[table_row(embedding.config, jnp.asarray(tokens.ids))]
    if tokens.patches.shape[1]:
        if not isinstance(embedding.stem, PatchBlock):
            raise SetupError(expected="a model that sees images", got="one without", fix="leave the images out")
        low, high = (jnp.asarray(tokens.patch_intervals)[..., i] for i in (0, 1))
        index = (low + high) // 2 if rng is None else jax.random.randint(rng, low.shape, low, high)
        patches = embedding.stem(normalise_pixels(embedding.config, tokens.patches))
        batch = jnp.arange(x.shape[0])[:, None]
        # An unused patch stands at `length`, which is outside.
        x = x.at[batch, tokens.patch_tokens].set(patches + embedding.patch_codes(index), mode="drop")
    return x + place_vectors(embedding, tokens.place)


def place_vectors(embedding: Embedding, place: Array) -> Float[Array, "... width"]:
    """The local position of each place; observations longer than the table share its last row."""
    local, place = embedding.local_position.array, jnp.asarray(place)
    vectors = local[jnp.clip(place, 0, local.shape[0] - 1)]
    # Neither the padding nor, by default, the separator has one.
    others = jnp.where((place == ACTION)[..., None], embedding.action_position.array[0], 0.0)
    return jnp.where((place >= 0)[..., None], vectors, others)


def mixed_features(
    params: Parameters, config: GatoConfig, tokens: SequenceTokens, rng: Array | None = None
) -> Float[Array, "batch length width"]:
    """Normed features of every token. With `rng` the pass is a training pass."""
    require_mixed(config)
    return _features(merge(params, config), tokens, rng)


def mixed_loss(
    params: Parameters, config: GatoConfig, tokens: SequenceTokens, *, rng: Array | None = None, train: bool = False
) -> Float[Array, ""]:
    """Mean next-token loss [nat] over the predicted tokens of a batch, against the whole vocabulary.

    The first token of a sequence has none before it and is not predicted.
    """
    if train and rng is None:
        raise ValueError("training draws patch positions and dropout: give rng")
    require_mixed(config)
    model = merge(params, config)
    logits = model.row_logits(_features(model, tokens, rng if train else None)[:, :-1])
    return masked_cross_entropy(
        logits, table_row(config, jnp.asarray(tokens.ids)[:, 1:]), jnp.asarray(tokens.predicted)[:, 1:]
    )


def _features(model: Gato, tokens: SequenceTokens, rng: Array | None) -> Float[Array, "batch length width"]:
    position_rng, layer_rng = (None, None) if rng is None else jax.random.split(rng)
    return model.transformer(embed_sequence(model.embedding, tokens, position_rng), rng=layer_rng)[0]
