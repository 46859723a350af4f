"""The control step without a cache, as simple replicas do it: what streaming is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from gato_ros.models.config import GatoConfig
from gato_ros.models.gato import sequence_features
from gato_ros.models.layout import CONTINUOUS_START, TokenLayout
from gato_ros.models.parameters import Parameters, init
from gato_ros.models.table import continuous_rows
from gato_ros.models.tokenizer import StepTokens


def random_parameters(config: GatoConfig, layout: TokenLayout, seed: int) -> Parameters:
    """Untrained parameters, for measuring time."""
    return init(jax.random.key(seed), config, layout)


class RecomputedStep:
    """One forward pass of the whole context for each action token: the likeliest next token, five times.

    A one-step config is decoded autoregressively over the same step.
    """

    def __init__(self, params: Parameters, config: GatoConfig, layout: TokenLayout):
        if config.action_decoding == "one_pass":
            config = replace(
                config, action_decoding="autoregressive", step_attention="causal", context_tokens=layout.step_tokens
            )
        self._params, self._layout = params, layout
        self.steps = config.window // layout.step_tokens
        """Whole control steps that the context holds."""

        def next_action(params: Parameters, tokens: StepTokens, action_ids: Any, index: Any) -> Any:
            features = sequence_features(params, config, layout, tokens, action_ids)
            logits = continuous_rows(config, params["table"]) @ features[0, -1, layout.observation_tokens + index]
            return CONTINUOUS_START + logits.argmax()

        self._next_action = jax.jit(next_action)

    def run(self, context: Sequence[StepTokens], past_action_ids: np.ndarray) -> np.ndarray:
        """Ids [actions] of the last of `steps` observations, given the ids [steps-1 actions] of the ones before."""
        tokens = StepTokens(*(np.stack(part)[None] for part in zip(*context)))
        ids = np.full((1, self.steps, self._layout.actions), CONTINUOUS_START, np.int32)
        ids[0, :-1] = past_action_ids
        for index in range(self._layout.actions):
            ids[0, -1, index] = self._next_action(self._params, tokens, ids, np.int32(index))
        return ids[0, -1]
