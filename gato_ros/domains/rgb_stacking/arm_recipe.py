"""A policy for another arm than the Sawyer: its own demonstrations, and the shipped weights to start from.

Eyes, layers and table are those of the weights (`evaluation.training_run.another_arm`); the arm is new to them. The
cubes are the only objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gato_ros.domains.rgb_stacking.recipe import SEEDS_PER_ROUND, SNAPSHOT_SEED
from gato_ros.domains.rgb_stacking.rounds import measured, rounds
from gato_ros.domains.rgb_stacking.stage import CollectStage, EvaluateStage, Stage, TrainStage
from gato_ros.embodiments import Embodiment, load_embodiment

DAGGER_SEED = 200_000
OBJECTS = "cubes"


@dataclass(frozen=True)
class ArmSizes:
    """How much of everything."""

    preset: str = "sawyer_small"
    start: str | None = "sawyer_mastery"
    """Shipped weights to start from; None: random ones."""
    batch: int = 64
    learning_rate: float = 1e-3
    scenes: int = 8_000
    per_scene: int = 3
    episodes: int = 200
    base_steps: int = 6_000
    dagger_steps: tuple[int, ...] = (8_000, 8_000)
    """Of each round."""
    dagger_episodes: int = 120
    """Of each round."""
    evaluation_episodes: int = 100
    evaluation_seed: int = 900_000


ARM_SMOKE = ArmSizes(
    preset="debug_one_pass",
    start=None,
    batch=8,
    scenes=6,
    episodes=2,
    base_steps=20,
    dagger_steps=(20,),
    dagger_episodes=1,
    evaluation_episodes=1,
)
ARM_RECIPES = {"arm": ArmSizes(), "arm_smoke": ARM_SMOKE}


def arm(embodiment: str, sizes: ArmSizes) -> tuple[Stage, ...]:
    """The stages for the contract of that name or path.

    An arm that is commanded by joint positions sees its joints, too: a target is most often near where they are.

    Raises:
        SetupError: no such contract, or one of joint positions that observes none.
    """
    return tuple(_stages(embodiment, sizes, seen_besides(load_embodiment(embodiment))))


def seen_besides(robot: Embodiment) -> tuple[str, ...] | None:
    """What an arm's policy sees besides what the preset does: its joints where it is commanded by their positions."""
    return (robot.key_of("joint_position"),) if robot.arm_part.kind == "joint_position" else None


def _stages(embodiment: str, sizes: ArmSizes, observe: tuple[str, ...] | None) -> Iterator[Stage]:
    demonstrations = (
        CollectStage(
            *("snapshots", "data/snapshots", "snapshots", OBJECTS, sizes.scenes, SNAPSHOT_SEED, sizes.per_scene),
            embodiment=embodiment,
        ),
        CollectStage(*("episodes", "data/episodes", "episodes", OBJECTS, sizes.episodes, 0), embodiment=embodiment),
    )

    def driven(number: int, policy: str | None) -> Iterator[CollectStage]:
        name, seed = f"dagger_{number}", DAGGER_SEED + SEEDS_PER_ROUND * number
        yield CollectStage(
            *(f"{name}_data", f"data/{name}", "episodes", OBJECTS, sizes.dagger_episodes, seed),
            policy=policy,
            embodiment=embodiment,
        )

    run = TrainStage(
        *("", "", (), sizes.preset, 0, sizes.batch, sizes.learning_rate),
        embodiment=embodiment,
        shipped_start=sizes.start,
        observe=observe,
    )
    evaluation = EvaluateStage(
        *("on_cubes", "evaluation/cubes", "", OBJECTS, sizes.evaluation_episodes, sizes.evaluation_seed),
        embodiment=embodiment,
    )
    steps = dict(enumerate((sizes.base_steps, *sizes.dagger_steps)))
    yield from measured(rounds(demonstrations, driven, steps, run), Path(embodiment).stem, [evaluation])
