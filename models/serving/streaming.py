# ruff: noqa: F722  (jaxtyping writes shapes as strings)
"""One control step of an autoregressive Gato in one call, with a ring of keys and values per layer.

The chunk of a step is: the last action of the step before, the new observation, the separator; then the
actions are decoded one by one. The last action's key is written by the next chunk, so five actions cost four decodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from gato_ros.models.arrays import Array
from gato_ros.models.choices import choice_rows, legal
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.models.modules.layers import product
from gato_ros.models.modules.network import Gato
from gato_ros.models.serving.kv_cache import Memory, advance, empty, position_keys
from gato_ros.models.serving.kv_cache_attention import PositionKeys
from gato_ros.models.state import Parameters, merge
from gato_ros.models.tokenizer import StepTokens


class StreamOutput(NamedTuple):
    """What one control step gives."""

    action_ids: Array
    """[actions] int32 ids of the chosen actions."""
    logits: Array
    """[actions bins] each given the actions chosen before it."""


def ring_slots(config: GatoConfig, layout: TokenLayout) -> int:
    """Slots of the ring: whole steps, so that a chunk never wraps.

    At least window + chunk - 1: with fewer, a chunk overwrites keys that its own first tokens still see.
    """
    chunk = layout.observation_tokens + 2
    return -(-(config.window + chunk - 1) // layout.step_tokens) * layout.step_tokens


def relative_keys(params: Parameters, config: GatoConfig, layout: TokenLayout) -> tuple[PositionKeys, ...] | None:
    """`position_keys` of the ring's slots."""
    return position_keys(merge(params, config), ring_slots(config, layout))


def with_head(params: Parameters, config: GatoConfig, layout: TokenLayout) -> Parameters:
    """The parameters with the `head` of the action logits [width choices], as they are multiplied with it.

    Cut out of the table and turned once: else XLA does both in every step.
    """
    return {**params, "head": jnp.array(choice_rows(config, layout, params["table"]).T)}


def _head(params: Parameters, config: GatoConfig, layout: TokenLayout) -> Any:
    return params["head"] if "head" in params else choice_rows(config, layout, params["table"]).T


def empty_memory(config: GatoConfig, layout: TokenLayout) -> Memory:
    return empty(config, ring_slots(config, layout))


def stream_step(
    params: Parameters,
    relative: tuple[PositionKeys, ...] | None,
    memory: Memory,
    tokens: StepTokens,
    last_action_id: Any,
    step: Any,
    rng: Array,
    likeliest: Any = False,
    *,
    config: GatoConfig,
    layout: TokenLayout,
) -> tuple[StreamOutput, Memory]:
    """Actions of one step and the memory after it.

    Args:
        tokens: one step: patches [patches size size 3], ids [values].
        last_action_id: id of the last action of the step before; any id at step 0.
        step: steps since the reset, int32, or any smaller number that `same_place` gives.
        rng: for sampling; unused at temperature 0.
        likeliest: as for `choose`.
    """
    start, filled = _place(config, layout, step)
    model = merge(params, config)
    observed = _observation_chunk(model, layout, tokens, last_action_id)
    features, memory = _advance(_prefilling(params, config), relative, memory, observed, start, filled, 1)
    head = _head(params, config, layout)
    logits = legal(layout, product(config, features[0, -1], head), 0)
    chunk = layout.observation_tokens + 2

    def decode_next(carry: tuple, index: Array) -> tuple:
        memory, logits = carry
        chosen = choose(config, layout, logits, jax.random.fold_in(rng, index), likeliest)
        x = model.embedding.actions(jnp.reshape(chosen, (1, 1)), index)
        features, memory = _advance(model, relative, memory, x, start + chunk + index, filled + chunk + index)
        after = legal(layout, product(config, features[0, 0], head), index + 1)
        return (memory, after), (chosen, logits)

    (memory, logits), (ids, before) = jax.lax.scan(decode_next, (memory, logits), jnp.arange(layout.actions - 1))
    final = choose(config, layout, logits, jax.random.fold_in(rng, layout.actions - 1), likeliest)
    return StreamOutput(jnp.append(ids, final), jnp.concatenate([before, logits[None]])), memory


def absorb_step(
    params: Parameters,
    relative: tuple[PositionKeys, ...] | None,
    memory: Memory,
    tokens: StepTokens,
    last_action_id: Any,
    action_ids: Any,
    step: Any,
    *,
    config: GatoConfig,
    layout: TokenLayout,
) -> Memory:
    """The memory after a step whose actions are given (a prompt): as if `stream_step` had chosen them.

    Args:
        action_ids: [actions]; the last one is written by the step after, as its `last_action_id`.
    """
    start, filled = _place(config, layout, step)
    model = merge(params, config)
    chunk = _observation_chunk(model, layout, tokens, last_action_id)
    # Two chunks, as in decoding: the whole step at once would need a larger ring.
    _, memory = _advance(_prefilling(params, config), relative, memory, chunk, start, filled)
    length, actions = chunk.shape[1], model.embedding.actions(jnp.asarray(action_ids)[None, :-1])
    return _advance(model, relative, memory, actions, start + length, filled + length)[1]


def judged_step(
    params: Parameters,
    relative: tuple[PositionKeys, ...] | None,
    memory: Memory,
    tokens: StepTokens,
    last_action_id: Any,
    action_ids: Any,
    step: Any,
    *,
    config: GatoConfig,
    layout: TokenLayout,
) -> Float[Array, "actions choices"]:
    """Logits of a step whose actions are given, each given those before it: as in `stream_step` where it chose them."""
    start, filled = _place(config, layout, step)
    model = merge(params, config)
    chunk = _observation_chunk(model, layout, tokens, last_action_id)
    features, memory = _advance(_prefilling(params, config), relative, memory, chunk, start, filled, 1)
    length, actions = chunk.shape[1], model.embedding.actions(jnp.asarray(action_ids)[None, :-1])
    after, _ = _advance(model, relative, memory, actions, start + length, filled + length)
    deciding = jnp.concatenate([features[0, -1:], after[0]])
    return legal(layout, product(config, deciding, _head(params, config, layout)))


def _prefilling(params: Parameters, config: GatoConfig) -> Gato:
    """The model for many rows at once, which may be worth another precision than the decodes
    (models/serving/precision.py)."""
    params = {**params, **params.get("prefill", {})}
    if getattr(params["layers"]["00"].get("query"), "dtype", None) == jnp.bfloat16:
        config = replace(config, compute="bfloat16")
    return merge(params, config)


def same_place(config: GatoConfig, layout: TokenLayout, step: int) -> int:
    """The smallest step with the same place in the ring and as many filled slots: no count grows for ever."""
    blocks = ring_slots(config, layout) // layout.step_tokens
    return step if step < blocks else blocks + step % blocks


def _place(config: GatoConfig, layout: TokenLayout, step: Any) -> tuple[Any, Any]:
    """First slot of a step, and how many slots before it are filled."""
    blocks = ring_slots(config, layout) // layout.step_tokens
    return (step % blocks) * layout.step_tokens, jnp.minimum(step, blocks) * layout.step_tokens


def _observation_chunk(
    model: Gato, layout: TokenLayout, tokens: StepTokens, last_action_id: Any
) -> Float[Array, "1 length width"]:
    observation = model.embedding.observation(layout, StepTokens(tokens.patches[None], tokens.ids[None]))
    last = model.embedding.actions(jnp.reshape(last_action_id, (1, 1)), layout.actions - 1)
    return jnp.concatenate([last, observation], 1)


def choose(
    config: GatoConfig,
    layout: TokenLayout,
    logits: Float[Array, "*batch choices"],
    rng: Array,
    likeliest: Any = False,
) -> Any:
    """The id drawn at the config's temperature; the likeliest at 0.

    Args:
        likeliest: true takes the likeliest at any temperature. An argument of the compiled step and not another step:
            what a check finds is then true of what drives.
    """
    best = layout.action_start + jnp.argmax(logits, -1).astype(jnp.int32)
    if config.temperature == 0:
        return best
    drawn = layout.action_start + jax.random.categorical(rng, logits / config.temperature).astype(jnp.int32)
    return jnp.where(likeliest, best, drawn)


def _advance(
    model: Gato,
    relative: tuple[PositionKeys, ...] | None,
    memory: Memory,
    x: Array,
    start: Array,
    filled: Array,
    outputs: int | None = None,
) -> tuple[Array, Memory]:
    """Features [1 outputs width] of the last of the new tokens, whose keys go to the slots from `start`.

    `filled` is the stream index of the first new token (capped at the ring); index 0 is the action before the
    first step, which does not exist and is masked.
    """
    length, slots = x.shape[1], memory.keys[0].shape[1]
    index = jnp.arange(length)[:, None]
    distance = start + index - jnp.arange(slots)[None]
    distance = jnp.where(distance < 0, distance + slots, distance)
    mask = (distance < model.config.window) & (distance < filled + index)
    return advance(model, relative, memory, x, start, mask, outputs)
