# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""Text after a mixed sequence: one pass over the prompt, then one decode per token from remembered keys and values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from gato_ros.core.errors import SetupError
from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.errors import NonFiniteError
from gato_ros.models.mixed_sequence import Grids, embed_sequence, place_vectors, require_mixed
from gato_ros.models.modules.layers import product
from gato_ros.models.modules.network import Gato
from gato_ros.models.segments import SequenceTokens, Step, image_grids, pack
from gato_ros.models.serving.kv_cache import Memory, advance, empty, position_keys
from gato_ros.models.serving.kv_cache_attention import PositionKeys
from gato_ros.models.state import Parameters, merge
from gato_ros.models.table import table_row
from gato_ros.models.vocabulary import vocabulary_of

PROMPT_MULTIPLE = 64
"""Prompts are padded to a multiple of this [tokens, patches], so that few lengths are compiled."""


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen."""

    temperature: float = 0.0
    """0 takes the likeliest; the paper's captions were drawn at 0.9."""
    top_k: int | None = None
    """Only the likeliest so many are drawn from; None: all."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf or (self.top_k is not None and self.top_k < 1):
            raise SetupError(
                expected="a finite temperature of 0 or more and a top_k of 1 or more",
                got=repr(self),
                fix="temperature 0 takes the likeliest token",
            )


class Context(NamedTuple):
    """The tokens so far: slot i holds token i."""

    memory: Memory
    relative: tuple[PositionKeys, ...] | None
    """`position_keys` of its slots."""


def generate(
    params: Parameters,
    config: GatoConfig,
    prompt: Sequence[Step],
    *,
    max_tokens: int,
    sampling: Sampling = Sampling(),
    seed: int = 0,
) -> Iterator[int]:
    """Ids of the text that goes on where the prompt stops, one after the other, up to the end piece or `max_tokens`.

    The text belongs to the last time-step of the prompt if nothing is done in it, else to a new one.

    Raises:
        SetupError: a model that knows no text or reads no mixed sequences; a prompt without tokens.
        NonFiniteError: the weights are damaged.
    """
    require_mixed(config)
    vocabulary = vocabulary_of(config)
    legal = vocabulary.legal.copy()
    legal[vocabulary.end] = True
    grids = image_grids(prompt, config) if config.stem else ()
    patches = sum(rows * columns for rows, columns in grids) if config.stem else None
    packed = pack(prompt, config, patches=patches, multiple=PROMPT_MULTIPLE)
    tokens = SequenceTokens(*(part[None] for part in packed))
    count = int(tokens.count[0])
    if not count:
        raise SetupError(expected="a prompt", got="nothing", fix="give a text or an image")
    place = max(int(tokens.place[0, count - 1]), -1) + 1
    slots = tokens.ids.shape[1] + -(-max_tokens // PROMPT_MULTIPLE) * PROMPT_MULTIPLE
    params, rng = jax.device_put(params), jax.random.key(seed)
    logits, context = read_prompt(params, tokens, config=config, slots=slots, grids=grids)
    for n in range(max_tokens):
        chosen = int(choose(logits, legal, jax.random.fold_in(rng, n), sampling=sampling))
        if chosen < 0:
            raise NonFiniteError("the model's logits are not finite: the weights are damaged")
        if chosen == vocabulary.end:
            return
        yield chosen
        if n + 1 < max_tokens:
            logits, context = read_token(
                params, context, np.int32(chosen), np.int32(place + n), np.int32(count + n), config=config
            )


@partial(jax.jit, static_argnames=("config", "slots", "grids"))
def read_prompt(
    params: Parameters, tokens: SequenceTokens, *, config: GatoConfig, slots: int, grids: Grids = ()
) -> tuple[Float[Array, " pieces"], Context]:
    """Logits of the token after a packed prompt [1 ...], and the context that it makes.

    The keys of its padding are written too; each is overwritten by the token that takes its slot before any sees it.
    """
    model = merge(params, config)
    nothing = Context(empty(config, slots), position_keys(model, slots))
    features, context = _advance(model, nothing, embed_sequence(model.embedding, tokens, None, grids), jnp.int32(0))
    return _logits(model, features[0, tokens.count[0] - 1]), context


@partial(jax.jit, static_argnames="config", donate_argnames="context")
def read_token(
    params: Parameters,
    context: Context,
    chosen: Int[Array, ""],
    place: Int[Array, ""],
    index: Int[Array, ""],
    *,
    config: GatoConfig,
) -> tuple[Float[Array, " pieces"], Context]:
    """Logits of the token after the text token `chosen`, which is the `index`-th of the sequence and the `place`-th of
    its time-step, and the context with it."""
    model = merge(params, config)
    x = model.embedding.table.array[table_row(config, chosen)] + place_vectors(model.embedding, place)
    features, context = _advance(model, context, x[None, None], index)
    return _logits(model, features[0, 0]), context


@partial(jax.jit, static_argnames="sampling")
def choose(
    logits: Float[Array, " pieces"], legal: Bool[Array, " legal"], rng: Array, *, sampling: Sampling
) -> Int[Array, ""]:
    """One of the legal ids; -1 where a legal logit is not finite."""
    logits = logits[: legal.shape[0]]
    finite = jnp.isfinite(jnp.where(legal, logits, 0.0)).all()
    logits = jnp.where(legal, logits, -jnp.inf)
    if sampling.temperature == 0:
        chosen = jnp.argmax(logits)
    else:
        if sampling.top_k is not None:
            least = jax.lax.top_k(logits, min(sampling.top_k, logits.shape[0]))[0][-1]
            logits = jnp.where(logits >= least, logits, -jnp.inf)
        chosen = jax.random.categorical(rng, logits / sampling.temperature)
    return jnp.where(finite, chosen, -1)


def _advance(
    model: Gato, context: Context, x: Float[Array, "1 length width"], start: Array
) -> tuple[Float[Array, "1 length width"], Context]:
    """Features of the tokens from `start` on, and the context with them."""
    slots = context.memory.keys[0].shape[1]
    distance = start + jnp.arange(x.shape[1])[:, None] - jnp.arange(slots)[None]
    mask = (distance >= 0) & (distance < model.config.window)
    features, memory = advance(model, context.relative, context.memory, x, start, mask)
    return features, context._replace(memory=memory)


def _logits(model: Gato, feature: Float[Array, " width"]) -> Float[Array, " pieces"]:
    table, config = model.embedding.table.array, model.config
    return product(config, feature[None], table[: config.text_rows].T)[0]
