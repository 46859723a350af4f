"""The steps of making a generalist: each a value with everything that decides its result.

All paths are relative to the folder that the policy is made in. Demonstrations of the part `rooms` of the mixture are
in `data/rooms` and `data/rooms.ROUND`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GatherStage:
    """Demonstrations in one domain into `folder`: the expert's, or a policy's with the expert's labels (DAgger)."""

    name: str
    folder: str
    domain: str
    tasks: str
    """With commas between them, `all`, or nothing where the domain has no division into tasks."""
    episodes: int
    """Of each task, or scenes."""
    seed: int
    noise: float = 0.0
    objects: str = "cubes"
    """Of the robot's domain: the object set."""
    policy: str | None = None
    """Weights that drive while the expert labels; failures are kept."""
    per_scene: int = 0
    """Of the robot's domain: `episodes` are scenes, with so many snapshots of each; 0: episodes."""


@dataclass(frozen=True)
class MixStage:
    """Weights of one training on all parts of a mixture into `folder`/last."""

    name: str
    folder: str
    mixture: str
    """Name of the file beside this one."""
    sha256: str
    """Of that file: another one is another training."""
    data: tuple[str, ...]
    steps: int
    learning_rate: float
    init: str | None = None
    """Weights to start from, made before."""
    shipped: str | None = None
    """A shipped policy to start from, in place of `init`."""
    weights: tuple[str, ...] = ()
    """`PART=WEIGHT` of the loss, where it is not the mixture's."""


@dataclass(frozen=True)
class ScoreStage:
    """Scores of weights in one domain into `folder`/result.json."""

    name: str
    folder: str
    policy: str
    domain: str
    tasks: str
    episodes: int
    """Of each task."""
    seed: int
    temperature: float | None = None


@dataclass(frozen=True)
class DialogueStage:
    """What weights answer about pictures that they were not trained on, into `folder`/result.json."""

    name: str
    folder: str
    policy: str
    dialogues: int
    seed: int


@dataclass(frozen=True)
class GeneralistCardStage:
    """Weights, their model card and training curves into `folder`."""

    name: str
    folder: str
    title: str
    policy: str
    trainings: tuple[str, ...]
    evaluations: tuple[str, ...]
    dialogues: str = ""
    """Folder of a `DialogueStage`; nothing: the card has no dialogues."""


def part_of(folder: str) -> str:
    """The part of the mixture whose demonstrations are in that folder."""
    return folder.rpartition("/")[2].partition(".")[0]
