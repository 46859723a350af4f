"""What a training on sequences is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from gato_ros.core.bounds import (
    Batch,
    Count,
    CountOrNone,
    NotNegative,
    Positive,
    Seed,
    Share,
    ShareBelowOne,
    check_bounds,
)


@dataclass(frozen=True)
class SequenceConfig:
    """Autoregressive cloning of episodes. Travels in checkpoints; a resumed run must agree.

    The defaults are the paper's, as far as they are known, but for `length` (docs/explanation/gato.md)."""

    initial_rate: ClassVar[float] = 1e-7
    """Learning rate where the warm-up begins."""
    steps: Count = 1_000_000
    """Gradient steps in all; the learning rate's cosine ends there."""
    batch: Batch = 512
    """Sequences per step."""
    length: Count = 13
    """Control steps of a sequence: more than a window, so that training sees what a streamed memory holds. 1, in a part
    of a mixture: each step is learned, and later decided, by itself."""
    learning_rate: Positive = 1e-4
    """Peak of the schedule: linear warm-up from 1e-7, then cosine down."""
    final_share: Share = 0.1
    """What is left of the learning rate at the last step."""
    warmup_steps: CountOrNone = 15_000
    weight_decay: NotNegative = 0.1
    clip_norm: Positive = 1.0
    """Largest norm of the gradient. Not in the paper."""
    average: ShareBelowOne = 0.0
    """Decay of the moving average of the weights, which is what is evaluated and shipped; 0: the last weights."""
    prompt_share: Share = 0.25
    """Share of episodes in the sequences that follow a prompt from another episode of the same source."""
    goal_share: Share = 0.5
    """Share of the prompts that are the end of their episode; the others are from anywhere in it."""
    return_share: Share = 0.8
    """Episodes count from this share of the best average return on; 0 takes all (on-policy ones with good labels)."""
    soft_sigma_bins: NotNegative = 0.0
    """Spread of the action targets over the bins; 0: one bin, as in the paper."""
    auxiliary_weight: NotNegative = 0.0
    """Weight of the simulator's ground truth that shapes the features; 0: no heads for it."""
    patch_weight: NotNegative = 0.0
    """Weight of what each image patch predicts of the objects in it."""
    blind_share: ShareBelowOne = 0.0
    """Share of sequences whose proprioception and actions are hidden; they train perception only."""
    past_hidden_share: ShareBelowOne = 0.0
    """Share of sequences in which the model does not see what it did before, against copying itself."""
    memory_hidden_share: ShareBelowOne = 0.0
    """Share of sequences in which no step sees another, so that the new picture has to be enough."""
    text_hidden_share: Share = 0.0
    """Share of the sequences with a prompt whose texts are hidden, so that the demonstration alone says what to do."""
    legal_only: bool = False
    """Measure the loss among the choices of an action; else against the whole table, as the paper."""
    mirror: bool = False
    """Reflect half of the sequences left to right, where every observation of the model has a known reflection."""
    brightness: NotNegative = 0.0
    """Spread of a random gain per sequence and colour."""
    pixel_noise: NotNegative = 0.0
    """Standard deviation of noise on pixels [0..255]."""
    patch_dropout: ShareBelowOne = 0.0
    """Share of image patches that are blanked."""
    token_noise_bins: CountOrNone = 0
    """Continuous observation tokens move by up to so many bins."""
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_bounds(self, "")

    @property
    def augments(self) -> bool:
        """Whether observations are changed at all."""
        return bool(self.brightness or self.pixel_noise or self.patch_dropout or self.token_noise_bins)


PAPER = SequenceConfig()
SMALL = SequenceConfig(
    steps=20_000,
    batch=8,
    length=20,
    learning_rate=6e-4,
    final_share=0.01,
    warmup_steps=300,
    average=0.998,
    soft_sigma_bins=8.0,
    auxiliary_weight=5.0,
    patch_weight=2.0,
    blind_share=0.25,
    mirror=True,
    brightness=0.06,
    patch_dropout=0.04,
    token_noise_bins=4,
)
"""For a CPU. Rates and sizes have not been tuned."""
RECIPES = {
    "sawyer_streaming": SMALL,
    "atari_small": SequenceConfig(
        steps=5000,
        batch=8,
        length=16,
        learning_rate=6e-4,
        final_share=0.01,
        warmup_steps=200,
        average=0.998,
        prompt_share=0.0,
        return_share=0.0,
        past_hidden_share=0.5,
        legal_only=True,
    ),
    "debug": replace(SMALL, length=6, auxiliary_weight=0.0, patch_weight=0.0, blind_share=0.0),
}
"""Of the presets that do not train by the paper's numbers."""


def sequence_config(preset: str) -> SequenceConfig:
    """How a preset is trained where no other numbers are given."""
    return RECIPES.get(preset, PAPER)
