"""What recipes that start from shipped weights have in common: trainings in a row, and how their result is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from gato_ros.domains.rgb_stacking.stage import CardStage, CollectStage, EvaluateStage, Stage, TrainStage

Driven = Callable[[int, "str | None"], Iterable[CollectStage]]


def rounds(
    demonstrations: Iterable[CollectStage], driven: Driven, steps: Mapping[int, int], run: TrainStage
) -> Iterator[Stage]:
    """Demonstrations, a training on them, and rounds of DAgger, each trained on all that there is by then.

    Args:
        demonstrations: of the expert.
        driven: episodes of a round, by its number and the weights that drive; None: those that `run` starts from.
        steps: number of the round -> steps of its training; 0 is the training before all rounds.
        run: what all trainings have in common; it starts from `shipped_start`, and each later one from the one before.
    """
    folders, latest = [], None
    for stage in demonstrations:
        yield stage
        folders.append(stage.folder)
    for number, count in steps.items():
        for stage in driven(number, latest) if number else ():
            yield stage
            folders.append(stage.folder)
        name = f"dagger_{number}" if number else "base"
        start = None if latest else run.shipped_start
        trained = replace(run, name=name, data=tuple(folders), steps=count, init=latest, shipped_start=start)
        yield replace(trained, folder=f"runs/{name}")
        latest = f"runs/{name}/last"


def measured(stages: Iterable[Stage], name: str, evaluations: Iterable[EvaluateStage]) -> Iterator[Stage]:
    """The stages, then the evaluations of the weights that they make last, and these weights with a card.

    Args:
        name: of the folder of the weights.
        evaluations: their `policy` is filled in.
    """
    runs, made = [], []
    for stage in stages:
        yield stage
        if isinstance(stage, TrainStage):
            runs.append(stage)
    policy = f"{runs[-1].folder}/last"
    for stage in evaluations:
        made.append(replace(stage, policy=policy))
        yield made[-1]
    yield CardStage(
        *("card", f"{name}/weights", policy, tuple(run.folder for run in runs), tuple(one.folder for one in made)),
        embodiment=runs[-1].embodiment,
    )
