"""The steps of one round in which a policy learns from its own episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gato_ros.domains.rgb_stacking.stage import CollectStage, EvaluateStage, LearnStage

START = "start"
"""Folder of the weights that an improvement begins with."""


@dataclass(frozen=True)
class RoundSizes:
    """What is the same in all rounds."""

    embodiment: str
    sets: tuple[str, ...]
    episodes: int
    """Of each set."""
    temperature: float
    seed: int
    """Of the first round."""
    seeds_per_round: int
    demonstrations: tuple[str, ...]
    demonstration_share: float
    weighting: Literal["success", "advantage"]
    advantage_temperature: float | None
    steps: int
    batch: int
    learning_rate: float
    evaluation_episodes: int
    evaluation_seed: int


def made_by(policy: str) -> str:
    """What weights of an improvement are called in the names of stages: `start`, or their round."""
    return policy.split("/")[0]


def driving(sizes: RoundSizes, number: int, policy: str) -> list[CollectStage]:
    """Episodes of each set that `policy` drives in a round."""
    return [
        CollectStage(
            *(f"round_{number}_{objects}", f"round_{number}/episodes_{objects}", "episodes", objects, sizes.episodes),
            sizes.seed + sizes.seeds_per_round * (number - 1),
            policy=policy,
            embodiment=sizes.embodiment,
            labels="own",
            temperature=sizes.temperature,
        )
        for objects in sizes.sets
    ]


def learning(sizes: RoundSizes, number: int, policy: str, episodes: Sequence[str]) -> LearnStage:
    """Weights of a round, from `policy` on, by all `episodes` so far, those of rounds that were dropped among them."""
    return LearnStage(
        f"round_{number}_learning",
        f"round_{number}/run",
        policy,
        tuple(episodes),
        sizes.demonstrations,
        sizes.demonstration_share,
        sizes.weighting,
        sizes.advantage_temperature,
        sizes.steps,
        sizes.batch,
        sizes.learning_rate,
        sizes.embodiment,
    )


def measuring(sizes: RoundSizes, policy: str) -> dict[str, EvaluateStage]:
    """Of each set the measurement of `policy`: always the same starts."""
    name = made_by(policy)
    return {
        objects: EvaluateStage(
            *(f"{name}_on_{objects}", f"{name}/evaluation_{objects}", policy, objects),
            sizes.evaluation_episodes,
            sizes.evaluation_seed,
            embodiment=sizes.embodiment,
        )
        for objects in sizes.sets
    }
