"""AdamW under a schedule, and the moving average of the weights: what every objective has in common."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax


class Rates(Protocol):
    """What the optimiser reads of a training's configuration."""

    steps: int
    learning_rate: float
    initial_rate: float
    final_share: float
    warmup_steps: int
    weight_decay: float
    clip_norm: float
    average: float


class TrainingState(NamedTuple):
    """Everything a run needs to go on."""

    step: Any
    params: Any
    average: Any
    """Moving average of `params`; what is evaluated and shipped."""
    optimiser: Any


def optimiser(config: Rates) -> optax.GradientTransformation:
    """AdamW with warm-up, cosine and clipping; biases and norms do not decay."""
    decays = lambda params: jax.tree_util.tree_map_with_path(_decays, params)  # noqa: E731
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(learning_rates(config), b1=0.9, b2=0.95, weight_decay=config.weight_decay, mask=decays),
    )


def _decays(path: tuple[Any, ...], leaf: Any) -> bool:
    """The shapes alone do not tell: the biases of relative attention and the one vector of actions have two axes."""
    name = str(path[-1].key)
    return leaf.ndim > 1 and not name.endswith("bias") and not (name == "action_position" and len(leaf) == 1)


def learning_rates(config: Rates) -> optax.Schedule:
    """The rate of each step: linear warm-up, of half the run at most, then a cosine down to the end."""
    return optax.warmup_cosine_decay_schedule(
        config.initial_rate,
        config.learning_rate,
        min(config.warmup_steps, config.steps // 2),
        config.steps,
        config.learning_rate * config.final_share,
    )


def start(config: Rates, params: Any) -> TrainingState:
    """The state before the first step."""
    return TrainingState(
        jnp.zeros((), jnp.int32), params, jax.tree.map(jnp.copy, params), optimiser(config).init(params)
    )


def descended(state: TrainingState, gradients: Any, config: Rates) -> TrainingState:
    """The state after one step along the gradients."""
    updates, optimiser_state = optimiser(config).update(gradients, state.optimiser, state.params)
    params = optax.apply_updates(state.params, updates)
    # A young average would remember the random start: let it follow quickly at first.
    decay = jnp.minimum(config.average, (1.0 + state.step) / (10.0 + state.step))
    average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, state.average, params)
    return TrainingState(state.step + 1, params, average, optimiser_state)
