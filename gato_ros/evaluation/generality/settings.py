"""The options of the two studies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gato_ros.core.bounds import LARGEST_COUNT, Batch, Count, Episodes, NotNegative, Positive, Processes, Seed, Within
from gato_ros.evaluation.option_checks import OutFolder


@dataclass(frozen=True)
class Adaptation:
    """Few demonstrations of a task, learned from weights and from nothing."""

    domain: str
    """Where: a domain's name, or a file of your own, PATH.py."""
    task: str
    """What is to be learned; several with commas between them are learned one by one. Held out of the generalist's
    recipe: pickup_dist, action_obj_door and find_obj_s5 of babyai, green_on_red and three more of rgb_stacking, the
    Panda's tasks, and every domain from a file."""
    out: OutFolder
    """Folder of the study: demonstrations, a folder per cell, and the result."""
    init: tuple[str, ...] = ()
    """Weights to start from, folders or shipped names; each is a line of the plot."""
    from_nothing: bool = True
    """Learn from random weights, too, with the model of the first of --init."""
    preset: str = "gato_generalist"
    """The model, where there is no --init."""
    demonstrations: tuple[Annotated[int, Within(2, LARGEST_COUNT)], ...] = (10, 100, 1000)
    """How many to learn from; 1 in 20, and at least one, is held out."""
    steps: Count = 1000
    """Gradient steps of every cell."""
    batch: Batch = 8
    """Sequences of each step."""
    learning_rate: Positive = 3e-4
    """Peak, after a tenth of the steps of warm-up."""
    episodes: Episodes = 100
    """Of the evaluation of each cell."""
    seed: Seed = 900_000
    """First seed of the evaluation; all cells meet the same starts."""
    temperature: NotNegative | None = None
    """At which actions are drawn; default: the protocol of the domain, 1 for babyai, else the likeliest."""
    workers: Processes = os.cpu_count() or 1
    """Processes of collection and evaluation."""
    ray: str | None = None
    """Collect and evaluate on a Ray cluster, as `evaluate --ray` does; training stays here."""


@dataclass(frozen=True)
class Scaling:
    """Scores of several weights, by their size."""

    init: tuple[str, ...]
    """Weights, folders or shipped names."""
    out: OutFolder
    """Folder of the study: the evaluations and the result."""
    domain: tuple[str, ...] = ("babyai",)
    """Where they are measured; each is a line of the plot."""
    tasks: str = "all"
    """Of each of these domains, with commas between them."""
    episodes: Episodes = 100
    """Of each task."""
    seed: Seed = 900_000
    """First seed of the evaluation; all meet the same starts."""
    temperature: NotNegative | None = None
    """At which actions are drawn; default: the protocol of the domain, 1 for babyai, else the likeliest."""
    workers: Processes = os.cpu_count() or 1
    """Processes."""
    ray: str | None = None
    """Evaluate on a Ray cluster, as `evaluate --ray` does."""


RESULT_FILE, PLOT_FILE = Path("study.json"), Path("study.png")
