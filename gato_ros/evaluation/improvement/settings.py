"""The options of an improvement."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from gato_ros.core.bounds import Batch, Count, NotNegative, Positive, Processes, Seed, ShareBelowOne, Within
from gato_ros.evaluation.option_checks import OutFolder

SEEDS_PER_ROUND = 10_000
MOST_ROUNDS = 30
ADVANTAGE_TEMPERATURE = 0.2


@dataclass(frozen=True)
class Improvement:
    """Which policy, with what, and how far."""

    policy: str
    """The weights to start from: a folder or a shipped name. A single-step policy that sees what a robot sees. They are
    copied to OUT/start."""
    out: OutFolder
    """Folder of episodes, runs, results and ledger. The same command goes on where it was stopped; with more --rounds
    it goes further."""
    data: tuple[Path, ...] = ()
    """Folders with the demonstrations that the policy was cloned from, so that it forgets nothing."""
    demonstration_share: ShareBelowOne = 0.5
    """Share of the demonstrations in what is learned from; 0: its own steps alone."""
    rounds: Annotated[int, Within(1, MOST_ROUNDS)] = 1
    """In each it drives, learns from all its episodes so far, and is measured."""
    set: str = "cubes"
    """Object set to drive with and to be measured on, or several with commas between: cubes, triplet1 .. triplet5,
    train; triplets are the five."""
    episodes: Annotated[int, Within(1, SEEDS_PER_ROUND)] = 100
    """Episodes that it drives in each round and set."""
    temperature: NotNegative = 0.5
    """Of the actions that it draws while it drives, so that it tries what it would not do; 0: it never does. It is
    measured by its likeliest ones."""
    weighting: Literal["success", "advantage"] = "success"
    """Which of its steps count. `success`: those of episodes that stacked, each episode once, however long it took.
    `advantage`: all, by exp(advantage / temperature), 20 at most, where the advantage is how much better it went on
    than the value of the step, the probability of a stack, which is read off the policy's own features."""
    advantage_temperature: Positive | None = None
    """With --weighting advantage, as a difference of probabilities: small ones let few steps count. Default: 0.2."""
    steps: Count = 2_000
    """Gradient steps of each round."""
    batch: Batch = 64
    """Control steps of each gradient step."""
    learning_rate: Positive = 1e-4
    """Its peak, after a warm-up; then a cosine down."""
    evaluation_episodes: Annotated[int, Within(1, SEEDS_PER_ROUND)] = 100
    """Episodes of each set that decide whether a round is kept: the same starts before and after, likeliest actions,
    the plain world. With few of them a set can get worse and it does not show."""
    seed: Seed = 500_000
    """First seed to drive. Round n begins 10000 (n - 1) after it, on each set: no two rounds share one."""
    evaluation_seed: Seed = 800_000
    """First seed of what decides. From 900000 on are those of `evaluate`, which no round was chosen by."""
    embodiment: str | None = None
    """Name or path of the contract. Default: the robot that the weights know."""
    workers: Processes = os.cpu_count() or 1
    """Processes that drive and measure; they do not change the result."""
