"""One policy for every task with the cubes, each stated in words: the six stackings, lifts and pushes.

Eyes, layers and numbers are those of shipped weights, which know one task. The words are new to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from gato_ros.domains.rgb_stacking.auxiliary import COLOURS
from gato_ros.domains.rgb_stacking.recipe import SEEDS_PER_ROUND
from gato_ros.domains.rgb_stacking.rounds import measured, rounds
from gato_ros.domains.rgb_stacking.stage import CollectStage, EvaluateStage, Stage, TrainStage

TASKS = (
    *(f"{top}_on_{base}" for top, base in permutations(COLOURS, 2)),
    *(f"{verb}_{colour}" for verb in ("lift", "push") for colour in COLOURS),
)
SNAPSHOT_SEED, EPISODE_SEED, DAGGER_SEED = 400_000, 430_000, 440_000
ROBOT, OBJECTS = "sawyer_rgb_stacking_told", "cubes"


@dataclass(frozen=True)
class TasksSizes:
    """How much of everything; all but the steps is of each task."""

    preset: str = "sawyer_small"
    start: str | None = "sawyer_mastery"
    """Shipped weights to start from; None: random ones."""
    batch: int = 64
    learning_rate: float = 1e-3
    tasks: tuple[str, ...] = TASKS
    scenes: int = 1_500
    per_scene: int = 5
    episodes: int = 15
    """Of the expert."""
    base_steps: int = 3_000
    dagger_episodes: int = 20
    """Of each round."""
    dagger_steps: tuple[int, ...] = (7_000,)
    """Of each round."""
    evaluation_episodes: int = 100
    evaluation_seed: int = 900_000


TASKS_SMOKE = TasksSizes(
    preset="debug_one_pass",
    start=None,
    batch=8,
    tasks=("red_on_green", "lift_red", "push_green"),
    scenes=4,
    per_scene=3,
    episodes=2,
    base_steps=20,
    dagger_episodes=1,
    dagger_steps=(20,),
    evaluation_episodes=1,
)
TASKS_RECIPES = {"tasks": TasksSizes(), "tasks_smoke": TASKS_SMOKE}


def tasks(sizes: TasksSizes) -> tuple[Stage, ...]:
    """Snapshots and episodes of each task, a training, rounds of DAgger, the measurement of each, the card."""
    return tuple(_stages(sizes))


def _stages(sizes: TasksSizes) -> Iterator[Stage]:
    run = TrainStage(
        *("", "", (), sizes.preset, 0, sizes.batch, sizes.learning_rate),
        embodiment=ROBOT,
        shipped_start=sizes.start,
        observe=("task/text",),
    )

    def driven(number: int, policy: str | None) -> Iterator[CollectStage]:
        for task in sizes.tasks:
            name, seed = f"dagger_{number}_{task}", DAGGER_SEED + SEEDS_PER_ROUND * number
            yield CollectStage(
                *(f"{name}_data", f"data/{name}", "episodes", OBJECTS, sizes.dagger_episodes, seed),
                policy=policy,
                embodiment=ROBOT,
                task=task,
            )

    evaluations = (
        EvaluateStage(
            *(f"on_{task}", f"evaluation/{task}", "", OBJECTS, sizes.evaluation_episodes, sizes.evaluation_seed),
            embodiment=ROBOT,
            task=task,
        )
        for task in sizes.tasks
    )
    steps = dict(enumerate((sizes.base_steps, *sizes.dagger_steps)))
    yield from measured(rounds(_demonstrations(sizes), driven, steps, run), "sawyer_tasks", evaluations)


def _demonstrations(sizes: TasksSizes) -> Iterator[CollectStage]:
    for task in sizes.tasks:
        name = f"{task}_snapshots"
        yield CollectStage(
            *(name, f"data/{name}", "snapshots", OBJECTS, sizes.scenes, SNAPSHOT_SEED, sizes.per_scene),
            embodiment=ROBOT,
            task=task,
        )
    for task in sizes.tasks:
        name = f"{task}_episodes"
        yield CollectStage(
            *(name, f"data/{name}", "episodes", OBJECTS, sizes.episodes, EPISODE_SEED), embodiment=ROBOT, task=task
        )
