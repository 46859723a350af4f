"""More training for shipped policies: new scenes, and what today's expert would do where they go.

What `mastery` and `generalization` make from nothing starts here from shipped weights. So a better expert, or more
hours, cost no training of the eyes from random weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gato_ros.core.errors import SetupError
from gato_ros.domains.rgb_stacking.arm_recipe import seen_besides
from gato_ros.domains.rgb_stacking.recipe import SEEDS_PER_ROUND
from gato_ros.domains.rgb_stacking.rounds import measured, rounds
from gato_ros.domains.rgb_stacking.stage import CollectStage, EvaluateStage, Stage, TrainStage
from gato_ros.embodiments import load_embodiment

SNAPSHOT_SEED, DAGGER_SEED = 400_000, 420_000
"""None that the recipes `generalization` and `mastery` use."""


@dataclass(frozen=True)
class RefineSizes:
    """How much of everything."""

    name: str = "sawyer_mastery"
    """Of the weights that it makes."""
    preset: str = "sawyer_small"
    """That of the weights that it starts from."""
    start: str | None = "sawyer_mastery"
    """Shipped weights; None: random ones, and the expert drives the first episodes."""
    batch: int = 64
    learning_rate: float = 1e-3
    sets: tuple[str, ...] = ("cubes", "triplet1", "triplet2", "triplet3", "triplet4", "triplet5")
    scenes: int = 4_000
    """Of each set."""
    per_scene: int = 5
    episodes: int = 60
    """Of each round and set."""
    steps: tuple[int, ...] = (12_000,)
    """Of each round."""
    measured_sets: tuple[str, ...] = ("cubes", "triplets")
    evaluation_episodes: int = 100
    """Of each set."""
    evaluation_seed: int = 900_000


REFINE_SMOKE = RefineSizes(
    preset="debug_one_pass",
    start=None,
    batch=8,
    sets=("cubes",),
    scenes=6,
    per_scene=3,
    episodes=1,
    steps=(20, 20),
    measured_sets=("cubes",),
    evaluation_episodes=1,
)
GENERALIZATION = RefineSizes(
    name="sawyer_generalization",
    start="sawyer_generalization",
    sets=("train",),  # no test object in any training data
    scenes=12_000,
    episodes=360,
    measured_sets=("triplets",),
)
ANOTHER_ARM = RefineSizes(
    sets=("cubes",), scenes=8_000, per_scene=3, episodes=120, steps=(8_000,), measured_sets=("cubes",)
)
"""Of an arm whose weights `arm_recipe.py` made: it knows the cubes only."""
REFINE_RECIPES = {"refine": RefineSizes(), "refine_generalization": GENERALIZATION, "refine_smoke": REFINE_SMOKE}


def refine(sizes: RefineSizes) -> tuple[Stage, ...]:
    """Snapshots, then rounds of DAgger from the weights of the round before, the measurement, the card."""
    return tuple(_stages(sizes))


def refine_arm(embodiment: str) -> tuple[Stage, ...]:
    """The same for the shipped weights of another arm, by the name or path of its contract.

    Raises:
        SetupError: no such contract, or no shipped weights that know it.
    """
    from gato_ros.models.shipped import shipped_policies
    from gato_ros.models.weights import contract_names

    robot = load_embodiment(embodiment)
    known = {folder.name: contract_names(folder) for folder in shipped_policies()}
    names = [name for name, contracts in known.items() if contracts == (robot.name,)]
    if len(names) != 1:
        raise SetupError(
            expected=f"one policy among those that are shipped for {robot.name}",
            got=", ".join(names) or "none",
            fix="`--recipe arm` makes one" if not names else "leave --embodiment out: the recipes name their policy",
        )
    sizes = replace(ANOTHER_ARM, name=names[0], start=names[0])
    return tuple(_stages(sizes, embodiment, seen_besides(robot)))


def _stages(
    sizes: RefineSizes, embodiment: str | None = None, observe: tuple[str, ...] | None = None
) -> Iterator[Stage]:
    snapshots = (
        CollectStage(
            *(f"{objects}_snapshots", f"data/{objects}_snapshots", "snapshots", objects, sizes.scenes),
            *(SNAPSHOT_SEED, sizes.per_scene),
            embodiment=embodiment,
        )
        for objects in sizes.sets
    )

    def driven(number: int, policy: str | None) -> Iterator[CollectStage]:
        for objects in sizes.sets:
            name, seed = f"dagger_{number}_{objects}", DAGGER_SEED + SEEDS_PER_ROUND * number
            yield CollectStage(
                *(f"{name}_data", f"data/{name}", "episodes", objects, sizes.episodes, seed),
                policy=policy,
                shipped_policy=None if policy else sizes.start,
                embodiment=embodiment,
            )

    run = TrainStage(
        *("", "", (), sizes.preset, 0, sizes.batch, sizes.learning_rate),
        shipped_start=sizes.start,
        embodiment=embodiment,
        observe=observe,
    )
    evaluations = (
        EvaluateStage(
            *(f"on_{objects}", f"evaluation/{objects}", "", objects, sizes.evaluation_episodes, sizes.evaluation_seed),
            embodiment=embodiment,
        )
        for objects in sizes.measured_sets
    )
    steps = dict(enumerate(sizes.steps, 1))
    yield from measured(rounds(snapshots, driven, steps, run), sizes.name, evaluations)
