"""What the shipped policies are made of, from nothing to the model card.

Two recipes share their data. `generalization` never sees a test object while it learns; `mastery` goes on from its
weights and learns the test objects, too. `smoke` is all of it at toy sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gato_ros.core.errors import unknown_name
from gato_ros.domains.rgb_stacking.stage import CardStage, CollectStage, EvaluateStage, Stage, TrainStage
from gato_ros.models.presets import single_step_presets

SNAPSHOT_SEED, GENERALIZATION_DAGGER_SEED, MASTERY_DAGGER_SEED = 100_000, 200_000, 300_000
SEEDS_PER_ROUND = 10_000


@dataclass(frozen=True)
class Sizes:
    """How much of everything. The defaults are what the shipped weights are made with."""

    preset: str = "sawyer_small"
    batch: int = 64
    learning_rate: float = 1e-3
    """Of a run that starts from random weights."""
    continued_learning_rate: float = 1e-3
    """Of a run that starts from weights."""
    shipped: Literal["last", "best"] = "last"
    """Which weights of a run go on: those of its last step, or those with the highest closed-loop success."""

    train_scenes: int = 14_000
    train_episodes: int = 500
    per_scene: int = 5
    base_steps: int = 12_000
    dagger_episodes: int = 400
    """Episodes of each round, on the training objects."""
    dagger_steps: tuple[int, ...] = (8_000, 16_000)
    """Of each round."""

    mastery_sets: tuple[str, ...] = ("cubes", "triplet1", "triplet2", "triplet3", "triplet4", "triplet5")
    set_scenes: int = 1_200
    """Scenes of each of `mastery_sets`."""
    set_episodes: int = 60
    mastery_dagger_episodes: int = 60
    """Episodes of each round and set."""
    mastery_dagger_steps: tuple[int, ...] = (12_000,)
    """Of each round."""

    closed_loop_every: int = 4_000
    closed_loop_episodes: int = 20
    """Of each measurement of `generalization`, on the training objects."""
    mastery_closed_loop_episodes: int = 5
    """Of each measurement of `mastery`, on each of its sets."""
    unseen_sets: tuple[str, ...] = ("triplets",)
    """What `generalization` is measured on."""
    seen_sets: tuple[str, ...] = ("cubes", "triplets")
    """What `mastery` is measured on."""
    evaluation_episodes: int = 100
    """Episodes of each set."""
    evaluation_seed: int = 900_000
    perturbed_set: str = "cubes"
    perturbed_episodes: int = 50
    perturbation: str = "all"
    level: str = "medium"


SMOKE = Sizes(
    preset="debug_one_pass",
    batch=8,
    learning_rate=1e-3,
    continued_learning_rate=1e-3,
    train_scenes=6,
    train_episodes=2,
    per_scene=3,
    base_steps=20,
    dagger_episodes=1,
    dagger_steps=(20,),
    mastery_sets=("cubes",),
    set_scenes=6,
    set_episodes=1,
    mastery_dagger_episodes=1,
    mastery_dagger_steps=(20,),
    closed_loop_every=0,
    unseen_sets=("triplet1",),
    seen_sets=("cubes",),
    evaluation_episodes=1,
    perturbed_episodes=1,
    perturbation="light",
)


def recipe(name: str, preset: str | None = None) -> tuple[Stage, ...]:
    """The stages of a recipe in their order, with another model on request; SetupError for a name that is unknown."""
    if name not in RECIPES:
        raise unknown_name("a recipe", name, RECIPES)
    build, sizes = RECIPES[name]
    if preset is None:
        return build(sizes)
    return build(replace(sizes, preset=known_preset(preset)))


def known_preset(name: str) -> str:
    """The name; SetupError where it is no single-step preset."""
    if name not in (known := single_step_presets()):
        raise unknown_name("a single-step preset for a robot", name, known)
    return name


def generalization(sizes: Sizes) -> tuple[Stage, ...]:
    """Training objects only, then the test triplets as they come."""
    data = [
        CollectStage(
            "train_snapshots",
            "data/train_snapshots",
            "snapshots",
            "train",
            sizes.train_scenes,
            SNAPSHOT_SEED,
            sizes.per_scene,
        ),
        CollectStage("train_episodes", "data/train_episodes", "episodes", "train", sizes.train_episodes, 0),
    ]
    runs = list(_runs(sizes, "generalization", data, ("train",), None, GENERALIZATION_DAGGER_SEED))
    return (*data, *runs, *_measured(sizes, "generalization", runs, sizes.unseen_sets))


def mastery(sizes: Sizes) -> tuple[Stage, ...]:
    """`generalization`, then the test objects, too: the expert's episodes with them, and its own."""
    before = generalization(sizes)
    data = [stage for stage in before if isinstance(stage, CollectStage)]
    more = []
    for objects in sizes.mastery_sets:
        more += [
            CollectStage(
                f"{objects}_snapshots",
                f"data/{objects}_snapshots",
                "snapshots",
                objects,
                sizes.set_scenes,
                SNAPSHOT_SEED,
                sizes.per_scene,
            ),
            CollectStage(f"{objects}_episodes", f"data/{objects}_episodes", "episodes", objects, sizes.set_episodes, 0),
        ]
    earlier = _trainings(before)
    runs = list(_runs(sizes, "mastery", [*data, *more], sizes.mastery_sets, earlier[-1], MASTERY_DAGGER_SEED))
    perturbed = EvaluateStage(
        "mastery_perturbed",
        "mastery/evaluation/perturbed",
        _weights(sizes, _trainings(runs)[-1]),
        sizes.perturbed_set,
        sizes.perturbed_episodes,
        sizes.evaluation_seed,
        sizes.perturbation,
        sizes.level,
    )
    return (*before, *more, *runs, *_measured(sizes, "mastery", [*earlier, *runs], sizes.seen_sets, perturbed))


def _trainings(stages: Iterable[Stage]) -> list[TrainStage]:
    return [stage for stage in stages if isinstance(stage, TrainStage)]


def _weights(sizes: Sizes, run: TrainStage) -> str:
    return f"{run.folder}/{sizes.shipped}"


def _runs(
    sizes: Sizes, name: str, data: list[CollectStage], sets: tuple[str, ...], init: TrainStage | None, seed: int
) -> Iterator[Stage]:
    """DAgger rounds on `sets`: collect with the latest weights, train on all. Without `init`: a run on `data` first."""
    first = init is None
    folders = [stage.folder for stage in data]
    rounds, episodes = (
        (sizes.dagger_steps, sizes.dagger_episodes)
        if first
        else (sizes.mastery_dagger_steps, sizes.mastery_dagger_episodes)
    )
    loop_episodes = sizes.closed_loop_episodes if first else sizes.mastery_closed_loop_episodes

    def run(label: str, steps: int, start: TrainStage | None) -> TrainStage:
        return TrainStage(
            f"{name}_{label}",
            f"{name}/{label}",
            tuple(folders),
            sizes.preset,
            steps,
            sizes.batch,
            sizes.continued_learning_rate if start else sizes.learning_rate,
            _weights(sizes, start) if start else None,
            sizes.closed_loop_every,
            loop_episodes,
            ",".join(sets),
        )

    latest = init
    if latest is None:
        latest = run("base", sizes.base_steps, None)
        yield latest
    for k, steps in enumerate(rounds, 1):
        for objects in sets:
            label = f"{name}_dagger_{k}" if len(sets) == 1 else f"{name}_dagger_{k}_{objects}"
            folders.append(f"data/{label}")
            yield CollectStage(
                f"{label}_data",
                folders[-1],
                "episodes",
                objects,
                episodes,
                seed + SEEDS_PER_ROUND * k,
                policy=_weights(sizes, latest),
            )
        latest = run(f"dagger_{k}", steps, latest)
        yield latest


def _measured(
    sizes: Sizes, name: str, stages: list[Stage], sets: tuple[str, ...], *more: EvaluateStage
) -> Iterator[Stage]:
    """The last run's success on each set, and the model card."""
    trainings = _trainings(stages)
    policy = _weights(sizes, trainings[-1])
    evaluations = [
        EvaluateStage(
            f"{name}_on_{objects}",
            f"{name}/evaluation/{objects}",
            policy,
            objects,
            sizes.evaluation_episodes,
            sizes.evaluation_seed,
        )
        for objects in sets
    ]
    evaluations += more
    yield from evaluations
    yield CardStage(
        f"{name}_card",
        f"{name}/weights",
        policy,
        tuple(stage.folder for stage in trainings),
        tuple(stage.folder for stage in evaluations),
    )


RECIPES: dict[str, tuple[Callable[[Sizes], tuple[Stage, ...]], Sizes]] = {
    "generalization": (generalization, Sizes()),
    "mastery": (mastery, Sizes()),
    "smoke": (mastery, SMOKE),
}
