"""The settings of a study."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from gato_ros.core.bounds import LARGEST_COUNT, Episodes, Processes, Seed, Within
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.training.config import TrainingConfig

NEW_TASK = "blue_on_green"
DEMONSTRATIONS = {"demonstrations": (10, 100, 1000), "few_shot": (10, 30, 100)}


@dataclass(frozen=True)
class Study:
    """Which study, on what, and how large."""

    name: Literal["demonstrations", "size", "few_shot"]
    """The study."""
    out: OutFolder
    """Folder of the study: a folder per cell, and the result."""
    data: tuple[Path, ...] = ()
    """Folders with demonstrations, by `collect`; exactly one where their number is studied."""
    init: Path | None = None
    """Of few_shot: the weights that learned another task, a folder or a shipped name."""
    demonstrations: tuple[Annotated[int, Within(2, LARGEST_COUNT)], ...] = ()
    """How many files to learn from (1 in 20 is held out); default 10 100 1000, of few_shot 10 30 100."""
    preset: str = "sawyer_small"
    """The model, where its size is not studied."""
    presets: tuple[str, ...] = ("sawyer_tiny", "sawyer_small", "sawyer_medium")
    """The models of `size`."""
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(steps=6000))
    """Of every cell: steps, batch, rates, augmentation."""
    set: str = "cubes"
    """Object set to collect and to evaluate."""
    episodes: Episodes = 100
    """Evaluation episodes of each cell."""
    seed: Seed = 900_000
    """First seed of the evaluation; all cells meet the same starts."""
    workers: Processes = os.cpu_count() or 1
    """Processes of collection and evaluation; they do not change the result."""
    ray: str | None = None
    """Collect and evaluate on a Ray cluster, as `evaluate --ray` does; training stays here."""
