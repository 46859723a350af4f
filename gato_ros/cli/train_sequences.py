"""`train` for autoregressive presets: which recipe, which episodes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.data.recording import Recording
    from gato_ros.training.sequence_config import SequenceConfig


@dataclass(frozen=True)
class SequenceOptions:
    """Of autoregressive presets only; what is left out is the preset's own (`training/sequence_config.py`)."""

    steps: int | None = None
    """Gradient steps in all; the learning rate's cosine ends there."""
    batch: int | None = None
    """Sequences per step."""
    length: int | None = None
    """Control steps of a sequence; more than the window."""
    learning_rate: float | None = None
    """Peak of the schedule."""
    warmup_steps: int | None = None
    """Of the learning rate."""
    prompt_share: float | None = None
    """Share of episodes that follow a prompt from another one; 0: the weights will refuse prompts."""
    return_share: float | None = None
    """Episodes count from this share of the best average return on; 0 takes all, for on-policy ones (DAgger)."""
    seed: int | None = None
    """Of weights, batches and noise."""


def chosen(options: SequenceOptions, preset: str) -> SequenceConfig:
    """The preset's recipe with what the options change."""
    from gato_ros.training.sequence_config import sequence_config

    return replace(sequence_config(preset), **{key: value for key, value in asdict(options).items()
                                               if value is not None})


def load(folders: tuple[Path, ...], limit: int | None, return_share: float,
         held_out_every: int) -> tuple[list[Recording], list[Recording], dict[str, int]]:
    """Episodes to train on and to hold out, and the count of rendered steps by folder.

    Raises:
        SetupError: too few good episodes to hold one out.
    """
    from gato_ros.data.recording import load_recordings
    from gato_ros.training.windows import good_enough

    training, validation, data = [], [], {}
    for folder in folders:
        found = load_recordings(folder)[:limit]
        good = good_enough(found, return_share)
        data[str(folder)] = sum(len(one.frames) for one in good)
        print(f"train: {len(good)} of {len(found)} episodes of {folder}, {data[str(folder)]} steps", flush=True)
        held_out = good[::held_out_every] if len(good) > 1 else []
        validation += held_out
        training += [one for i, one in enumerate(good) if i % held_out_every or not held_out]
    if not validation:
        raise SetupError(expected="at least two good episodes, one of them to hold out", got=str(len(training)),
                         fix="collect more")
    return training, validation, data
