"""What a training on several domains at once is made of."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from gato_ros.core.bounds import Count, CountOrNone, NotNegative, Positive, Seed, Share, ShareBelowOne, check_bounds
from gato_ros.training.mixture.writing_config import WritingConfig
from gato_ros.training.sequence_config import SequenceConfig


@dataclass(frozen=True)
class MixtureConfig:
    """One set of weights from the sequences of several domains. Travels in checkpoints; a resumed run must agree."""

    initial_rate: ClassVar[float] = 1e-7
    """Learning rate where the warm-up begins."""
    parts: tuple[tuple[str, float, SequenceConfig | WritingConfig], ...]
    """Name, weight of the loss, and the sequences of each part, of steps or of text. Of the numbers of
    `SequenceConfig` those of a whole training (`OF_THE_WHOLE`) count for nothing."""
    steps: Count = 20_000
    """Gradient steps in all; each learns from one batch of every part."""
    learning_rate: Positive = 6e-4
    """Peak of the schedule: linear warm-up, then cosine down."""
    final_share: Share = 0.01
    """What is left of the learning rate at the last step."""
    warmup_steps: CountOrNone = 300
    weight_decay: NotNegative = 0.1
    clip_norm: Positive = 1.0
    """Largest norm of the gradient."""
    average: ShareBelowOne = 0.998
    """Decay of the moving average of the weights, which is what is evaluated and shipped."""
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_bounds(self, "")


OF_THE_WHOLE = frozenset(field.name for field in dataclasses.fields(MixtureConfig)) & frozenset(
    field.name for field in dataclasses.fields(SequenceConfig)
)
"""What a part does not decide: rates, steps and seed."""
