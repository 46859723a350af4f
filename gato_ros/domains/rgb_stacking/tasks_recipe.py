"""Policies for every task with the cubes, the six stackings, lifts and pushes: by text, and by demonstration.

Eyes, layers and numbers are those of shipped weights, which know one task. The words are new to them. A policy with a
memory goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

from gato_ros.domains.rgb_stacking.auxiliary import COLOURS
from gato_ros.domains.rgb_stacking.recipe import SEEDS_PER_ROUND
from gato_ros.domains.rgb_stacking.rounds import measured, rounds
from gato_ros.domains.rgb_stacking.stage import CardStage, CollectStage, EvaluateStage, Stage, TrainStage

TASKS = (
    *(f"{top}_on_{base}" for top, base in permutations(COLOURS, 2)),
    *(f"{verb}_{colour}" for verb in ("lift", "push") for colour in COLOURS),
)
SNAPSHOT_SEED, EPISODE_SEED, WHOLE_SEED, DAGGER_SEED = 400_000, 430_000, 435_000, 440_000
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
    streaming_preset: str = "sawyer_streaming"
    """Of the policy with a memory, which starts from the other's weights."""
    streaming_start: bool = True
    """Whether it does; a toy has another width."""
    whole_episodes: int = 40
    """With a picture in every tick."""
    streaming_steps: int = 4_000
    streaming_batch: int = 8
    """Sequences."""
    streaming_rate: float = 6e-4
    streaming_episodes: int = 10
    """Of each evaluation of it: three ways to say what to do, the last one with two kinds of prompt and without."""


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
    streaming_preset="debug",
    streaming_start=False,
    whole_episodes=2,
    streaming_steps=3,
    streaming_batch=2,
    streaming_episodes=1,
)
STREAMING_SHARES = (
    *("prompt_share=0.6", "text_hidden_share=0.6", "return_share=0"),
    *("memory_hidden_share=0.3", "past_hidden_share=0.3"),
)
"""Of ten episodes six follow a demonstration of what to do, most of these without the text; and what to do is to depend
on the new picture more than on what was done before (docs/benchmarks/studies.md)."""


def tasks(sizes: TasksSizes) -> tuple[Stage, ...]:
    """Snapshots and episodes of each task, a training, rounds of DAgger, the measurement of each, the card."""
    return tuple(_stages(sizes))


def tasks_streaming(sizes: TasksSizes) -> tuple[Stage, ...]:
    """`tasks`, then one with a memory, which a demonstration tells what to do, or a text that is there for a second."""
    before = tasks(sizes)
    return (*before, *_streaming(sizes, before))


TASKS_RECIPES: dict[str, tuple[Callable[[TasksSizes], tuple[Stage, ...]], TasksSizes]] = {
    "tasks": (tasks, TasksSizes()),
    "tasks_streaming": (tasks_streaming, TasksSizes()),
    "tasks_smoke": (tasks_streaming, TASKS_SMOKE),
}


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


def _streaming(sizes: TasksSizes, before: tuple[Stage, ...]) -> Iterator[Stage]:
    last = [stage for stage in before if isinstance(stage, TrainStage)][-1]
    whole = [
        CollectStage(
            *(f"{task}_whole", f"data/{task}_whole", "episodes", OBJECTS, sizes.whole_episodes, WHOLE_SEED),
            embodiment=ROBOT,
            task=task,
            image_share=1.0,
        )
        for task in sizes.tasks
    ]
    yield from whole
    run = TrainStage(
        *("streaming", "streaming/run", tuple(stage.folder for stage in whole), sizes.streaming_preset),
        *(sizes.streaming_steps, sizes.streaming_batch, sizes.streaming_rate),
        f"{last.folder}/last" if sizes.streaming_start else None,
        embodiment=ROBOT,
        observe=("task/text",),
        single_steps=last.data,
        sequence=STREAMING_SHARES,
    )
    yield run
    policy, made = f"{run.folder}/last", []
    for stage in whole:
        for way, text_s, prompt in (("by_text", None, None), ("once", 1.0, None), ("by_prompt", 0.0, stage.folder)):
            made.append(
                EvaluateStage(
                    *(f"streaming_{way}_{stage.task}", f"streaming/{way}/{stage.task}", policy, OBJECTS),
                    *(sizes.streaming_episodes, sizes.evaluation_seed),
                    embodiment=ROBOT,
                    task=stage.task,
                    text_s=text_s,
                    prompt=prompt,
                )
            )
    yield from made
    folders = tuple(stage.folder for stage in made)
    yield CardStage(
        *("streaming_card", "sawyer_tasks_streaming/weights", policy, (run.folder,), folders), embodiment=ROBOT
    )
