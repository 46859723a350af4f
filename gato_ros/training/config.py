"""What a training run is made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

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
class TrainingConfig:
    """Single-step cloning of labelled frames. Frozen; travels in checkpoints, and a resumed run must agree."""

    initial_rate: ClassVar[float] = 0.0
    """Learning rate where the warm-up begins."""
    steps: Count = 20_000
    """Gradient steps in all; the learning rate's cosine ends there."""
    batch: Batch = 64
    """Frames per step."""
    learning_rate: Positive = 1e-3
    """Peak of the schedule: linear warm-up, then cosine down."""
    final_share: Share = 0.01
    """What is left of the learning rate at the last step."""
    warmup_steps: CountOrNone = 300
    weight_decay: NotNegative = 0.1
    clip_norm: Positive = 1.0
    """Largest norm of the gradient."""
    average: ShareBelowOne = 0.998
    """Decay of the moving average of the weights, which is what is evaluated and shipped."""
    soft_sigma_bins: NotNegative = 8.0
    """Spread of the action targets over the bins; near bins are near velocities."""
    auxiliary_weight: NotNegative = 5.0
    """Weight of the simulator's ground truth (object positions, yaw) that shapes the features."""
    patch_weight: NotNegative = 2.0
    """Weight of what each image patch predicts of the objects in it."""
    brightness: NotNegative = 0.06
    """Spread of a random gain per image and colour."""
    pixel_noise: NotNegative = 0.0
    """Standard deviation of noise on pixels [0..255]. Drawing it costs as much as the model on a CPU: off."""
    patch_dropout: ShareBelowOne = 0.04
    """Share of image patches that are blanked, against leaning on a single one."""
    token_noise_bins: CountOrNone = 4
    """Continuous observation tokens move by up to so many bins."""
    blind_share: Share = 0.25
    """Share of frames whose proprioception is hidden; they train perception only. Without them an object's yaw is
    read off the gripper that is about to grasp it, and not seen."""
    mirror: bool = True
    """Reflect half of the frames left to right, where every observation of the model has a known reflection."""
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_bounds(self, "")


SCHEDULE = {"warmup_steps": 0, "final_share": 1.0}
"""A learning rate that stays what it is."""
FINE_TUNING = {"learning_rate": 1e-5, **SCHEDULE, "batch": 64, "steps": 10_000}
"""How the paper goes on from weights (Gato App. E); keys are those of every kind of training."""
FINE_TUNING_DROPOUT = 0.1
"""Of the model, as the paper fine-tunes; none in pre-training."""


def fine_tuning(given: Collection[str]) -> dict[str, Any]:
    """What of `FINE_TUNING` holds where the fields `given` were set.

    A learning rate of one's own comes with the usual schedule: it is most likely too high to begin with, or to stay.
    """
    left_out = {*given, *(SCHEDULE if "learning_rate" in given else ())}
    return {key: value for key, value in FINE_TUNING.items() if key not in left_out}
