"""Gradient steps on random data, for measuring their time: single-step cloning, and loss over packed sequences."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import init, sequence_loss
from gato_ros.models.layout import BINS, CONTINUOUS_START, TokenLayout
from gato_ros.models.tokenizer import StepTokens
from gato_ros.training.config import TrainingConfig
from gato_ros.training.examples import Batch
from gato_ros.training.optimiser import optimiser, start
from gato_ros.training.step import train_step
from gato_ros.training.supervision import AuxiliaryTargets


def time_cloning(model: GatoConfig, layout: TokenLayout, batch: int, repetitions: int) -> dict[str, Any]:
    """Seconds of compiling and of each gradient step over `batch` single steps."""
    config, rng = TrainingConfig(batch=batch), np.random.default_rng(0)
    nothing = np.zeros((batch, 0, 0), np.float32)
    truth = np.zeros((batch, len(model.auxiliary)), np.float32)
    frames = Batch(
        _tokens(layout, batch),
        rng.integers(0, layout.choices, (batch, layout.actions), dtype=np.int32),
        AuxiliaryTargets(truth, truth, nothing, nothing),
    )
    state = start(config, init(jax.random.key(0), model, layout))
    return _timed(partial(train_step, config=config, model=model, layout=layout), state, frames, repetitions)


def time_sequences(model: GatoConfig, layout: TokenLayout, batch: int, steps: int, repetitions: int) -> dict[str, Any]:
    """The same over `batch` sequences of `steps` packed control steps, loss over the whole vocabulary."""
    config = TrainingConfig(batch=batch)
    ids = np.random.default_rng(0).integers(CONTINUOUS_START, CONTINUOUS_START + BINS, (batch, steps, layout.actions))
    data = (_tokens(layout, batch, steps), ids.astype(np.int32))
    params = init(jax.random.key(0), model, layout)
    adam = optimiser(config)

    @partial(jax.jit, donate_argnums=0)
    def step(state: Any, data: Any) -> Any:
        params, memory = state
        loss, gradients = jax.value_and_grad(sequence_loss)(params, model, layout, *data)
        updates, memory = adam.update(gradients, memory, params)
        return (optax.apply_updates(params, updates), memory), loss

    return _timed(step, (params, adam.init(params)), data, repetitions)


def in_precision(model: GatoConfig, compute: str, attention: str) -> GatoConfig:
    """The model trained in `compute` with `attention`; its weights and the optimiser stay float32."""
    return replace(model, compute=compute, attention=attention)


def _tokens(layout: TokenLayout, *lead: int) -> StepTokens:
    rng, size = np.random.default_rng(0), layout.patch_size
    return StepTokens(
        rng.integers(0, 256, (*lead, layout.patches, size, size, 3), dtype=np.uint8),
        rng.integers(CONTINUOUS_START, CONTINUOUS_START + BINS, (*lead, layout.values), dtype=np.int32),
    )


def _timed(step: Any, state: Any, data: Any, repetitions: int) -> dict[str, Any]:
    data = jax.device_put(data)
    seconds = []
    for _ in range(repetitions + 1):
        begin = time.perf_counter()
        state, values = step(state, data)
        jax.block_until_ready((state, values))
        seconds.append(time.perf_counter() - begin)
    return {"compile_s": seconds[0], "step_s": seconds[1:]}
