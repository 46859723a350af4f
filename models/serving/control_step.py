"""One control step of a policy, compiled: tokens to action ids, with or without a memory."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gato_ros.models.arrays import Array
from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import forward_step
from gato_ros.models.layout import TokenLayout
from gato_ros.models.modules.attention import split_heads
from gato_ros.models.modules.layers import product
from gato_ros.models.modules.positions import distance_codes
from gato_ros.models.serving import streaming
from gato_ros.models.state import Parameters
from gato_ros.models.tokenizer import StepTokens


class Chosen(NamedTuple):
    """What one step gives."""

    ids: Any
    """[actions] int32."""
    confidence: Any
    """[3 actions] logit of the likeliest bin minus the second; entropy [nat]; probability of the chosen bin. Not
    finite if any logit is not. One array: each copy from the device costs a wait."""


def _confidence(layout: TokenLayout, logits: Array, ids: Array) -> jax.Array:
    # Not top_k: it sorts, which on a CPU costs more than the whole transformer.
    best = logits.max(-1)
    others = jnp.where(jnp.arange(logits.shape[-1]) == logits.argmax(-1)[..., None], -jnp.inf, logits)
    log_probability = jax.nn.log_softmax(logits)
    entropy = -(jnp.exp(log_probability) * log_probability).sum(-1)
    # An infinite logit can hide behind the softmax: carry it out.
    poison = 0.0 * logits.sum(-1)
    chosen = jnp.take_along_axis(log_probability, (ids - layout.action_start)[..., None], -1)[..., 0]
    return jnp.stack([best - others.max(-1), entropy, jnp.exp(chosen)]) + poison


def with_position_keys(params: Parameters, config: GatoConfig, length: int) -> Parameters:
    """The parameters with every layer's `position_keys` of a fixed length: they depend on the weights only."""
    codes = distance_codes(config, length)
    if codes is None:
        return params
    keys_of = jax.jit(lambda kernel, codes: split_heads(config, product(config, codes, kernel)))

    def of_layer(layer: Parameters) -> Parameters:
        known = keys_of(layer["relative"], codes).astype(config.compute)
        return {**{name: value for name, value in layer.items() if name != "relative"}, "position_keys": known}

    return {**params, "layers": {name: of_layer(layer) for name, layer in params["layers"].items()}}


class OnePass:
    """One step of context, all actions in one forward pass."""

    def __init__(self, params: Parameters, config: GatoConfig, layout: TokenLayout):
        self._params, self._compiled = with_position_keys(params, config, layout.step_tokens), None
        self._config, self._layout = config, layout
        self._judge: Any = None
        self.steps, self.compilations = 1, 0

    def reset(self) -> None:
        """There is no memory."""

    def forget(self) -> None:
        """There is no memory."""

    def run(self, tokens: StepTokens, rng: jax.Array, tick: np.uint32, likeliest: bool = False) -> Chosen:
        arguments = (self._params, *tokens, rng, tick, np.bool_(likeliest))
        if self._compiled is None:
            self.compilations += 1
            self._compiled = jax.jit(_one_pass(self._config, self._layout)).lower(*arguments).compile()
        return self._compiled(*arguments)

    def judge(self, patches: Any, values: Any, action_ids: Any, before: Any = None) -> jax.Array:
        """Log probabilities [n actions choices] of the actions of n steps that differ in their pictures [n patches ...]
        only."""
        if self._judge is None:
            self._judge = jax.jit(partial(_judged_pass, config=self._config, layout=self._layout))
        return self._judge(self._params, patches, values)


def _judged_pass(params: Parameters, patches: Any, values: Any, *, config: GatoConfig, layout: TokenLayout) -> Array:
    values = jnp.broadcast_to(values, (patches.shape[0], *values.shape))
    return jax.nn.log_softmax(forward_step(params, config, layout, StepTokens(patches, values)).action_logits)


def _one_pass(config: GatoConfig, layout: TokenLayout) -> Any:
    def step(params: Parameters, patches: Any, ids: Any, rng: jax.Array, tick: Any, likeliest: Any) -> Chosen:
        logits = forward_step(params, config, layout, StepTokens(patches[None], ids[None])).action_logits[0]
        ids = streaming.choose(config, layout, logits, jax.random.fold_in(rng, tick), likeliest)
        return Chosen(ids, _confidence(layout, logits, ids))

    return step


class Streaming:
    """A window of many steps, remembered in a ring; actions one after the other."""

    def __init__(self, params: Parameters, config: GatoConfig, layout: TokenLayout):
        self._params, self._config, self._layout = params, config, layout
        self._compiled, self._absorb, self._judge, self.compilations = None, None, None, 0
        self._relative = streaming.relative_keys(params, config, layout)
        self.reset()

    def reset(self) -> None:
        self._memory = streaming.empty_memory(self._config, self._layout)
        self.forget()

    def forget(self) -> None:
        """As `reset`, without new arrays: what is there lies before the first step, where nothing looks."""
        self.steps, self._last = 0, np.int32(self._layout.action_start)

    def run(self, tokens: StepTokens, rng: jax.Array, tick: np.uint32, likeliest: bool = False) -> Chosen:
        config, layout = self._config, self._layout
        inputs = (self._params, self._relative, self._memory, tokens, self._last, self._place())
        arguments = (*inputs, rng, tick, np.bool_(likeliest))
        if self._compiled is None:

            def step(*arguments: Any) -> tuple:
                params, relative, memory, tokens, last, place, rng, tick, likeliest = arguments
                rng = jax.random.fold_in(rng, tick)
                output, memory = streaming.stream_step(
                    params, relative, memory, tokens, last, place, rng, likeliest, config=config, layout=layout
                )
                return Chosen(output.action_ids, _confidence(layout, output.logits, output.action_ids)), memory

            self.compilations += 1
            self._compiled = jax.jit(step, donate_argnums=2).lower(*arguments).compile()
        decision, self._memory = self._compiled(*arguments)
        self.steps += 1
        self._last = np.asarray(decision.ids)[-1]
        return decision

    def absorb(self, tokens: StepTokens, action_ids: np.ndarray) -> None:
        """Remember a step whose actions are given."""
        arguments = (self._params, self._relative, self._memory, tokens, self._last, action_ids, self._place())
        if self._absorb is None:
            step = jax.jit(partial(streaming.absorb_step, config=self._config, layout=self._layout), donate_argnums=2)
            self.compilations += 1
            self._absorb = step.lower(*arguments).compile()
        self._memory = self._absorb(*arguments)
        self.steps += 1
        self._last = action_ids[-1]

    def judge(self, patches: Any, values: Any, action_ids: Any, before: Any = None) -> jax.Array:
        """Log probabilities [n actions choices] of given actions, each after those before it, in n steps that differ in
        their pictures [n patches ...] only.

        Args:
            before: what `snapshot` gave before the step; None: nothing is remembered.
        """
        if self._judge is None:
            self._judge = jax.jit(partial(_judged_steps, config=self._config, layout=self._layout))
        if before is None:
            before = streaming.empty_memory(self._config, self._layout), 0, np.int32(self._layout.action_start)
        memory, steps, last = before
        place = np.int32(streaming.same_place(self._config, self._layout, steps))
        return self._judge(self._params, self._relative, memory, patches, values, last, action_ids, place)

    def begin_at(self, step: int) -> None:
        """The next step's place in the ring is that of `step`; what should lie before it is empty."""
        self.steps = step

    def snapshot(self) -> Any:
        """The memory as it is now; waits until it is computed."""
        return jax.block_until_ready(jax.tree.map(jnp.copy, self._memory)), self.steps, self._last

    def restore(self, snapshot: Any) -> None:
        """Go back to a snapshot, which stays whole: steps overwrite the memory that they are given."""
        memory, self.steps, self._last = snapshot
        self._memory = jax.block_until_ready(jax.tree.map(jnp.copy, memory))

    def _place(self) -> np.int32:
        return np.int32(streaming.same_place(self._config, self._layout, self.steps))


def _judged_steps(
    params: Parameters,
    relative: Any,
    memory: Any,
    patches: Any,
    values: Any,
    last_action_id: Any,
    action_ids: Any,
    place: Any,
    *,
    config: GatoConfig,
    layout: TokenLayout,
) -> Array:
    def logits(shown: Any) -> Array:
        tokens = StepTokens(shown, values)
        return streaming.judged_step(
            params, relative, memory, tokens, last_action_id, action_ids, place, config=config, layout=layout
        )

    return jax.nn.log_softmax(jax.vmap(logits)(patches))
