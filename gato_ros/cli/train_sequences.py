"""`train` for autoregressive presets: which recipe, which episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.bounds import Batch, Count, CountOrNone, Positive, Seed, Share
from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.data.episodes.recording import Recording
    from gato_ros.data.frames import Frames
    from gato_ros.training.sequence_config import SequenceConfig


@dataclass(frozen=True)
class SequenceOptions:
    """Of autoregressive presets only; what is left out is the preset's own (`training/sequence_config.py`), or with
    --init the paper's fine-tuning."""

    steps: Count | None = None
    """Gradient steps in all; the learning rate's cosine ends there."""
    batch: Batch | None = None
    """Sequences per step."""
    length: Count | None = None
    """Control steps of a sequence; more than the window."""
    learning_rate: Positive | None = None
    """Peak of the schedule."""
    final_share: Share | None = None
    """What is left of the learning rate at the last step."""
    warmup_steps: CountOrNone | None = None
    """Of the learning rate."""
    prompt_share: Share | None = None
    """Share of episodes that follow a prompt from another one; 0: the weights will refuse prompts."""
    return_share: Share | None = None
    """Episodes count from this share of the best average return on; 0 takes all, for on-policy ones (DAgger)."""
    seed: Seed | None = None
    """Of weights, batches and noise."""


def chosen(options: SequenceOptions, preset: str, from_weights: bool = False) -> SequenceConfig:
    """The preset's recipe, from weights with the paper's fine-tuning, and with what the options change."""
    from gato_ros.training.config import fine_tuning
    from gato_ros.training.sequence_config import sequence_config

    given = {key: value for key, value in asdict(options).items() if value is not None}
    return replace(sequence_config(preset), **{**(fine_tuning(given) if from_weights else {}), **given})


def load(
    folders: tuple[Path, ...],
    limit: int | None,
    return_share: float,
    held_out_every: int,
    weights: Mapping[str, float],
    failures: bool = False,
) -> tuple[list[Recording], list[Recording], dict[str, int]]:
    """Episodes to train on and to hold out, and the count of rendered steps by folder.

    Raises:
        SetupError: too few good episodes to hold one out.
    """
    from gato_ros.data.episodes.recording import load_recordings
    from gato_ros.training.mixing import step_weights
    from gato_ros.training.windows import good_enough

    training, validation, data = [], [], {}
    for folder in folders:
        found = load_recordings(folder, told_left_out(folder, failures))[:limit]
        told_sources(folder, [one.frames for one in found], weights)
        # One that holds no lesson would be a validation without a figure.
        found = [one for one in found if step_weights(one.frames.teachers, weights).any()]
        good = good_enough(found, return_share)
        data[str(folder)] = sum(len(one.frames) for one in good)
        print(f"train: {len(good)} of {len(found)} episodes of {folder}, {data[str(folder)]} steps", flush=True)
        held_out = good[::held_out_every] if len(good) > 1 else []
        validation += held_out
        training += [one for i, one in enumerate(good) if i % held_out_every or not held_out]
    if not validation:
        raise SetupError(
            expected="at least two good episodes, one of them to hold out", got=str(len(training)), fix="collect more"
        )
    return training, validation, data


def told_left_out(folder: Path, failures: bool) -> dict[Path, str]:
    """The files of a folder that do not count, said once with the reason."""
    from gato_ros.data.checks.episode_filter import left_out

    reasons = left_out(folder, failures)
    for reason, count in Counter(reasons.values()).items():
        names = ", ".join(path.name for path, why in reasons.items() if why == reason)
        print(f"train: {count} of {folder} left out, {reason}: {names}", flush=True)
    return reasons


def told_sources(folder: Path, parts: Sequence[Frames], weights: Mapping[str, float]) -> None:
    """Say how many steps of each source there are, and how they count, where others than the expert were in command."""
    if all(part.sources is None for part in parts):
        return
    counts = Counter(str(name) for part in parts for name in part.teachers)
    steps = ", ".join(f"{name} {count} (weight {weights.get(name, 0):g})" for name, count in sorted(counts.items()))
    print(f"train: steps of {folder} by who was in command: {steps}", flush=True)
