"""The cells of a study: each a value with everything that decides its result. Paths are relative to the study's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gato_ros.core.errors import SetupError


@dataclass(frozen=True)
class Start:
    """What a training starts with."""

    label: str
    """The line of the plot."""
    weights: str | None
    """A folder or a shipped name; None: nothing."""
    sha256: str | None


@dataclass(frozen=True)
class ShowStage:
    """Demonstrations of a task into `folder`."""

    name: str
    folder: str
    domain: str
    task: str
    episodes: int


@dataclass(frozen=True)
class AdaptStage:
    """Weights of one training on some demonstrations, and their score, into `folder`."""

    name: str
    folder: str
    domain: str
    task: str
    start: str
    sha256: str | None
    """Of the parameters that it starts from."""
    preset: str | None
    """Where it starts from nothing and no weights say what the model is."""
    demonstrations: int
    steps: int
    batch: int
    learning_rate: float
    episodes: int
    seed: int
    temperature: float | None


@dataclass(frozen=True)
class MeasureStage:
    """Scores of weights in one domain into `folder`."""

    name: str
    folder: str
    domain: str
    tasks: str
    weights: str
    """The label: what counts is the sum of the parameters."""
    sha256: str
    episodes: int
    seed: int
    temperature: float | None


def starts_of(weights: Iterable[str]) -> tuple[Start, ...]:
    """Weights under labels of their own; SetupError for what are none, or for the same ones twice."""
    from gato_ros.evaluation.foreign.policies import weights_sha256

    found: list[Start] = []
    for one in weights:
        path = Path(one)
        # Trainings leave theirs in `last` and `best`: the folder above has the name.
        name = path.resolve().parent.name if path.name in ("last", "best") else path.name
        while name in {start.label for start in found}:
            name += "_"
        found.append(Start(name, one, weights_sha256(one)))
    if len({start.sha256 for start in found}) < len(found):
        got = ", ".join(start.weights or "" for start in found)
        raise SetupError(expected="different weights with --init", got=got, fix="name each once")
    return tuple(found)
