"""What a trained policy makes of its observations, for whoever learns something else from them."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import separator_features
from gato_ros.models.layout import TokenLayout
from gato_ros.models.tokenizer import StepTokens
from gato_ros.training.examples import tokens_of

ROWS_AT_ONCE = 64


def step_features(params: Any, model: GatoConfig, layout: TokenLayout, frames: Frames) -> np.ndarray:
    """[N width] float32, the feature of each frame's separator, of a single-step model without augmentation."""
    found = []
    for first in range(0, len(frames), ROWS_AT_ONCE):
        # The last rows again until the batch is full: another size would be compiled again.
        rows = np.minimum(np.arange(first, first + ROWS_AT_ONCE), len(frames) - 1)
        part = np.asarray(_features(params, tokens_of(frames, layout, rows), model=model, layout=layout))
        found.append(part[: len(frames) - first])
    return np.concatenate(found) if found else np.zeros((0, model.width), np.float32)


@partial(jax.jit, static_argnames=("model", "layout"))
def _features(params: Any, tokens: StepTokens, *, model: GatoConfig, layout: TokenLayout) -> Any:
    return separator_features(params, model, layout, tokens)
