"""The steps of making a policy: each a value with everything that decides its result.

All paths are relative to the folder that the policy is made in.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Union

RESULT_FILE = "result.json"
"""Of an evaluation, in its folder."""


@dataclass(frozen=True)
class CollectStage:
    """Demonstrations into `folder`: an expert's, or a policy's with the expert's labels (DAgger)."""

    name: str
    folder: str
    kind: Literal["episodes", "snapshots"]
    objects: str
    episodes: int
    """Episodes to attempt, or scenes to draw."""
    seed: int
    per_scene: int = 1
    """Snapshots of each scene."""
    policy: str | None = None
    """Weights that drive while the expert labels; its failures are kept."""
    embodiment: str | None = None
    """Contract of the robot; None: the Sawyer's."""
    labels: Literal["own"] | None = None
    """The policy drives alone and undisturbed, and what it did is the label; None: the expert labels."""
    temperature: float | None = None
    """Of the policy's actions; None: that of the weights."""
    shipped_policy: str | None = None
    """Shipped weights that drive while the expert labels; `policy` is made by a stage."""
    task: str | None = None
    """What to do; None: red on blue."""
    image_share: float | None = None
    """Share of the ticks with pictures; None: that of `collect`."""


@dataclass(frozen=True)
class TrainStage:
    """Weights into `folder`/last and `folder`/best."""

    name: str
    folder: str
    data: tuple[str, ...]
    preset: str
    steps: int
    batch: int
    learning_rate: float
    init: str | None = None
    """Weights to start from."""
    closed_loop_every: int = 0
    """Steps between measurements of success; 0: never."""
    closed_loop_episodes: int = 20
    """Episodes of each set."""
    closed_loop_set: str = "train"
    """Object sets, with commas between."""
    embodiment: str | None = None
    """Contract of the robot; None: the Sawyer's."""
    shipped_start: str | None = None
    """Shipped weights to start from; `init` is made by a stage."""
    observe: tuple[str, ...] | None = None
    """What the policy sees besides what the preset does."""
    single_steps: tuple[str, ...] | None = None
    """Of a policy that streams: more data, of which each frame is learned by itself."""
    sequence: tuple[str, ...] | None = None
    """Of a policy that streams: options of its sequences, like prompt_share=0.5; `steps`, `batch` and `learning_rate`
    are the stage's own."""


@dataclass(frozen=True)
class LearnStage:
    """Weights into `folder`/last, from a policy's own episodes by how these ended, and from demonstrations."""

    name: str
    folder: str
    policy: str
    """Weights to go on from."""
    episodes: tuple[str, ...]
    """Folders of its own episodes."""
    demonstrations: tuple[str, ...]
    """Folders outside of the one that the policy is made in."""
    demonstration_share: float
    """Share of the demonstrations in what is learned from."""
    weighting: Literal["success", "advantage"]
    advantage_temperature: float | None
    """Of advantages; None where they do not count."""
    steps: int
    batch: int
    learning_rate: float
    embodiment: str


@dataclass(frozen=True)
class EvaluateStage:
    """Success rates of weights into `folder`/result.json."""

    name: str
    folder: str
    policy: str
    objects: str
    """An object set, or `triplets`."""
    episodes: int
    """Episodes of each set."""
    seed: int
    perturbation: str | None = None
    """A disturbance, or `all`: the plain world and each."""
    level: str = "medium"
    embodiment: str | None = None
    """Contract of the robot; None: the Sawyer's."""
    task: str | None = None
    """What to do; None: red on blue."""
    text_s: float | None = None
    """The task is in words for so long after each reset [s]; None: throughout."""
    prompt: str | None = None
    """Folder of demonstrations: measured after prompts from them, too."""


@dataclass(frozen=True)
class CardStage:
    """Weights, their model card and training curves into `folder`."""

    name: str
    folder: str
    policy: str
    trainings: tuple[str, ...]
    """Folders of the training runs in a row, the last one that of `policy`."""
    evaluations: tuple[str, ...]
    """Folders of the evaluations."""
    embodiment: str | None = None
    """Contract of the robot; None: the Sawyer's."""


NEWER = (
    *("embodiment", "shipped_start", "observe", "labels", "temperature", "shipped_policy", "task", "image_share"),
    *("single_steps", "sequence", "text_s", "prompt"),
)
"""Options that ledgers of earlier versions do not have: not stated where nothing is said."""
Stage = Union[CollectStage, TrainStage, LearnStage, EvaluateStage, CardStage]


def stated(stage: Any) -> dict[str, Any]:
    """What decides a stage's result, ready for JSON."""
    values = asdict(stage)
    values = {key: value for key, value in values.items() if value is not None or key not in NEWER}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items() if key != "name"}


def product(options: dict[str, Any]) -> str:
    """The folder that a stage with these `stated` options makes."""
    return options["folder"]


def reads(options: dict[str, Any], made: str) -> bool:
    """Whether a stage with these `stated` options needs what is in the folder `made`."""
    values = [value for key, value in options.items() if key != "folder"]
    paths = [path for value in values for path in (value if isinstance(value, list) else [value])]
    return any(isinstance(path, str) and f"{path}/".startswith(f"{made}/") for path in paths)
