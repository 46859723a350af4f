"""What a policy answers at one control tick: the action, and what it thought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gato_ros.core.action import Action


@dataclass(frozen=True)
class Trace:
    """What a policy of tokens thought at one tick."""

    tokens: Any
    """Of the observation (`models.tokenizer.StepTokens`); None where nobody needs them."""
    ids: np.ndarray
    """[actions] int32 of the chosen tokens."""
    entropy_nat: np.ndarray
    """[actions] of the choices [nat]; ln 1024 = 6.9 knows nothing."""
    probability: np.ndarray
    """[actions] of what was chosen."""
    logit_margin: np.ndarray
    """[actions] logit of the likeliest choice minus that of the second."""
    context_tokens: tuple[int, int]
    """Tokens that the action could see, its own step's included, and how many the window holds."""
    tokenise_s: float
    """How long it took to make tokens of the observation [s]."""
    forward_s: float
    """How long it took to make ids of those [s]."""
    ticks: int
    """Actions so far, this one included; what is drawn at a temperature above 0 depends on it."""
    compiled: bool = False
    """Whether something had to be compiled for this tick: then it came late."""


@dataclass(frozen=True)
class Decision:
    """The answer of one tick."""

    action: Action
    trace: Trace | None = None
    """None of a policy without tokens."""
