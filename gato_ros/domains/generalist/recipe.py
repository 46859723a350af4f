"""What `gato_generalist` is made of, from nothing to the model card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from gato_ros.domains.generalist.stage import DialogueStage, GatherStage, GeneralistCardStage, MixStage, ScoreStage

FOLDER = Path(__file__).parent
EVALUATION_SEED, DAGGER_SEED, SEEDS_PER_ROUND, SNAPSHOT_SEED = 900_000, 100_000, 10_000, 300_000
ROOMS = "go_to_obj,go_to_local,go_to_red_ball,go_to_red_ball_grey,pickup_loc,put_next_local,put_next_s7n4,unlock_pickup"
MAZES = "go_to_obj_maze,go_to,pickup,unblock_pickup,open,unlock,key_corridor,go_to_imp_unlock,synth"
MISSIONS = "mini_boss_level,synth_loc,go_to_seq,synth_seq,boss_level"
TRIPLETS = tuple(f"triplet{number}" for number in range(1, 6))
TEMPERATURES = {"babyai": 1.0}
"""At which actions are drawn; elsewhere the likeliest one. Part of a domain's protocol."""
BALANCED = (
    "rooms=0.8",
    "mazes=0.4",
    "missions=0.5",
    "meta_world=1.5",
    "stacking=3",
    "balls=3",
    "streets=1",
    "guns=1",
    "scenes=4",
    "text=0.5",
)
"""So that the noise of no part's gradient drowns the others. At equal weights the norms of one batch's gradient after
`base` were 2.1 (rooms), 2.9 (mazes), 5.6 (missions), 4.5 (meta_world), 2.3 (stacking, in windows of 8 steps), 1.0
(atari), 1.3 (scenes) and 2.7 (text). So 2,500 steps taught nothing about the scenes' pictures: 0.227 nat on held-out
ones, as at the start. From there 400 steps of that part alone came to 0.141.

AdamW divides by the size of all gradients together: a part whose share of it is small learns slowly. Stacking had a
tenth of the squared norm at a weight of 1. After 2,200 steps of 160 it stacked 1 of 10 cubes, red 5.6 mm off on
held-out frames. At a weight of 4 the next 1,000 steps came to 8 of 10 and 4.9 mm; the losses of the others stayed
within 0.03. With 0.25 for missions, 1 for Atari, 1.5 for scenes and a falling rate, 1,150 steps more improved every
part: rooms from 0.45 to 0.29 nat, Meta-World from 4.25 to 4.03. Then 2,350 steps with the weights here, larger batches
and more pictures brought the missions from 0.54 to 0.46, the scenes from 0.052 to 0.027 and Meta-World to 3.93.
"""
GeneralistStage = Union[GatherStage, MixStage, ScoreStage, DialogueStage, GeneralistCardStage]


@dataclass(frozen=True)
class Part:
    """How the demonstrations of one part of the mixture are gathered."""

    name: str
    domain: str
    tasks: str
    episodes: int
    """Of each task, by the expert."""
    again: int = 0
    """Of each task and round of DAgger; 0: none."""
    noise: float = 0.0
    objects: str = "cubes"
    suffix: str = ""
    """Where a part has several folders."""
    per_scene: int = 0
    """`episodes` are scenes, with so many snapshots of each; 0: episodes."""


@dataclass(frozen=True)
class GeneralistSizes:
    """How much of everything."""

    parts: tuple[Part, ...]
    mixture: str = "mixture.yaml"
    steps: int = 2_500
    """Few: what a policy does wrong by itself teaches more than another pass over what the expert does."""
    balanced: int = 3_000
    """Steps of a second training on the same, with `weights`; 0: none."""
    rounds: tuple[int, ...] = (4_000, 6_000)
    """Steps of the training after each round of DAgger."""
    weights: tuple[str, ...] = ()
    """`PART=WEIGHT` of the loss in all trainings but the first, where it is not the mixture's."""
    learning_rate: float = 6e-4
    continued_learning_rate: float = 6e-4
    shipped: str | None = "sawyer_streaming"
    """The first training starts with what this shipped policy does."""
    scores: tuple[tuple[str, str, int], ...] = ()
    """Domain, tasks, and episodes of each in its evaluation."""
    dialogues: int = 0
    """So many conversations about pictures are in the card, as they come."""


FULL = GeneralistSizes(
    (
        Part("rooms", "babyai", ROOMS, 4000, 500, noise=0.1),
        Part("mazes", "babyai", MAZES, 1500, 60, noise=0.1),
        Part("missions", "babyai", MISSIONS, 1500, 30, noise=0.1),
        Part("meta_world", "meta_world", "all", 100, 20, noise=0.3),
        Part("stacking", "rgb_stacking", "red_on_blue", 120, 120),
        Part("stacking", "rgb_stacking", "red_on_blue", 4000, suffix="scenes", per_scene=5),
        Part("stacking", "rgb_stacking", "blue_on_green", 60, 60, suffix="order"),
        Part("stacking", "rgb_stacking", "blue_on_green", 2000, suffix="order_scenes", per_scene=5),
        Part("balls", "atari", "pong,breakout", 16, 3, noise=0.35),
        Part("streets", "atari", "freeway,boxing", 10, 3, noise=0.25),
        Part("guns", "atari", "atlantis", 10, 3, noise=0.02),
        Part("scenes", "scenes", "", 24_000),
        *(Part("stacking", "rgb_stacking", "red_on_blue", 60, 60, objects=name, suffix=name) for name in TRIPLETS),
        *(
            Part("stacking", "rgb_stacking", "red_on_blue", 2000, objects=name, suffix=f"{name}_scenes", per_scene=5)
            for name in TRIPLETS
        ),
    ),
    scores=(
        ("rgb_stacking", "all", 100),
        ("babyai", "all", 100),
        ("meta_world", "all", 20),
        ("atari", "all", 10),
        ("scenes", "all", 100),
        ("text", "python", 100),
    ),
    weights=BALANCED,
    dialogues=10,
)
SMOKE = GeneralistSizes(
    (
        Part("rooms", "babyai", "go_to_obj", 6, 2, noise=0.1),
        Part("stacking", "rgb_stacking", "red_on_blue", 2, 1),
        Part("stacking", "rgb_stacking", "red_on_blue", 2, suffix="snapshots", per_scene=2),
    ),
    mixture="smoke.yaml",
    steps=4,
    balanced=4,
    rounds=(4,),
    weights=("rooms=0.5",),
    shipped=None,
    scores=(("babyai", "go_to_obj", 1),),
)
RECIPES = {"generalist": FULL, "generalist_smoke": SMOKE}


def stages_of(sizes: GeneralistSizes) -> tuple[GeneralistStage, ...]:
    """Gather, train, then rounds of DAgger: gather with the latest weights, train on all. Then scores and the card."""
    return tuple(_stages(sizes))


def _trainings(sizes: GeneralistSizes) -> Iterator[tuple[str, int, int]]:
    """Name, steps, and the round of DAgger that goes before; 0: none."""
    yield "base", sizes.steps, 0
    if sizes.balanced:
        yield "balanced", sizes.balanced, 0
    for number, steps in enumerate(sizes.rounds, 1):
        yield f"dagger_{number}", steps, number


def _stages(sizes: GeneralistSizes) -> Iterator[GeneralistStage]:
    sha256 = hashlib.sha256((FOLDER / sizes.mixture).read_bytes()).hexdigest()
    trainings: list[MixStage] = []
    folders: list[str] = []
    for name, steps, number in _trainings(sizes):
        before = f"{trainings[-1].folder}/last" if trainings else None
        for part in sizes.parts if number or not trainings else ():
            stage = _gather(part, number, before)
            if stage.episodes:
                folders.append(stage.folder)
                yield stage
        rate = sizes.continued_learning_rate if before else sizes.learning_rate
        shipped = None if before else sizes.shipped
        weights = sizes.weights if before else ()
        trainings.append(
            MixStage(name, name, sizes.mixture, sha256, tuple(folders), steps, rate, before, shipped, weights)
        )
        yield trainings[-1]
    policy = f"{trainings[-1].folder}/last"
    scores = [
        ScoreStage(
            f"on_{name}", f"evaluation/{name}", policy, name, tasks, count, EVALUATION_SEED, TEMPERATURES.get(name)
        )
        for name, tasks, count in sizes.scores
    ]
    yield from scores
    talk = "evaluation/dialogues" if sizes.dialogues else ""
    if talk:
        yield DialogueStage("dialogues", talk, policy, sizes.dialogues, EVALUATION_SEED)
    runs, evaluations = (tuple(stage.folder for stage in stages) for stages in (trainings, scores))
    yield GeneralistCardStage("card", "weights", "gato_generalist", policy, runs, evaluations, talk)


def _gather(part: Part, number: int, policy: str | None) -> GatherStage:
    """Of the expert in round 0, of `policy` in the others."""
    label = ".".join(piece for piece in (part.name, part.suffix, f"dagger_{number}" if number else "") if piece)
    first = SNAPSHOT_SEED if part.per_scene else 0
    seed = DAGGER_SEED + SEEDS_PER_ROUND * (number - 1) if number else first
    episodes = part.again if number else part.episodes
    noise = 0.0 if number else part.noise
    return GatherStage(
        f"{label}_data",
        f"data/{label}",
        part.domain,
        part.tasks,
        episodes,
        seed,
        noise,
        part.objects,
        policy,
        part.per_scene,
    )
