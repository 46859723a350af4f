"""The options of a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gato_ros.core.bounds import (
    Batch,
    Count,
    CountOrNone,
    Episodes,
    NotNegative,
    Positive,
    Processes,
    Seed,
    Share,
    ShareBelowOne,
)
from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.training.config import TrainingConfig

if TYPE_CHECKING:
    from gato_ros.training.sequence_config import SequenceConfig


@dataclass(frozen=True)
class SequenceOptions:
    """Of autoregressive presets only; what is left out is the preset's own (`training/sequence_config.py`), or with
    --init the paper's fine-tuning."""

    steps: Count | None = None
    """Gradient steps in all; the learning rate's cosine ends there."""
    batch: Batch | None = None
    """Sequences per step."""
    length: Count | None = None
    """Control steps of a sequence; more than the window."""
    learning_rate: Positive | None = None
    """Peak of the schedule."""
    final_share: Share | None = None
    """What is left of the learning rate at the last step."""
    warmup_steps: CountOrNone | None = None
    """Of the learning rate."""
    prompt_share: Share | None = None
    """Share of episodes that follow a prompt from another one; 0: the weights will refuse prompts."""
    return_share: Share | None = None
    """Episodes count from this share of the best average return on; 0 takes all, for on-policy ones (DAgger)."""
    past_hidden_share: ShareBelowOne | None = None
    """Share of sequences in which the model does not see what it did before, against copying itself."""
    memory_hidden_share: ShareBelowOne | None = None
    """Share of sequences in which no step sees another, so that the new picture has to be enough."""
    text_hidden_share: Share | None = None
    """Share of the sequences with a prompt whose texts are hidden, so that the demonstration alone says what to do."""
    seed: Seed | None = None
    """Of weights, batches and noise."""


def chosen(options: SequenceOptions, preset: str, from_weights: bool = False) -> SequenceConfig:
    """The preset's recipe, from weights with the paper's fine-tuning, and with what the options change."""
    from gato_ros.training.config import fine_tuning
    from gato_ros.training.sequence_config import sequence_config

    given = {key: value for key, value in asdict(options).items() if value is not None}
    return replace(sequence_config(preset), **{**(fine_tuning(given) if from_weights else {}), **given})


@dataclass(frozen=True)
class TrainingRun:
    """What to train on, what to train, and where."""

    data: tuple[Path, ...]
    """Folders with episodes by `collect` or a recorder, or snapshots by `collect`."""
    out: OutFolder
    """Folder of the run."""
    preset: str = "sawyer_small"
    """A model size (see `presets`); another domain has its own."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract that the data was collected with."""
    observe: tuple[str, ...] = ()
    """Observations of the contract that the model sees beside its preset's, like task/text."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Of single-step presets: steps, batch, rates, augmentation."""
    sequence: SequenceOptions = field(default_factory=SequenceOptions)
    """Of autoregressive presets."""
    limit: CountOrNone | None = None
    """Take the first so many files (episodes or snapshot files, by name) of each folder, for scaling studies."""
    weights: tuple[str, ...] = ()
    """How often the steps count during which somebody was in command, like human=2; default: human=1 expert=1
    policy=0. What counts 0 is not learned from; windows of several steps still show it as what came before."""
    failures: bool = False
    """Learn from recordings, too, that an operator ended or labelled as failures."""
    single_steps: tuple[Path, ...] = ()
    """Of autoregressive presets: more folders, snapshots or episodes with few pictures. Each of their frames is learned
    by itself, without a memory, so that pictures of many scenes teach what the model sees."""
    init: Path | None = None
    """Start from these weights, a folder or a shipped name, instead of random ones. They may attend in another way: a
    policy that streams may start from one that sees single steps."""
    dropout: ShareBelowOne | None = None
    """Share of every sub-layer's output that is left out while training; default: 0.1 with --init, else none."""
    resident: bool = False
    """Keep all training frames on the device, about 100 kB each: for a GPU that outruns a CPU's batches. Autoregressive
    presets only, without --mesh. The batches are the same."""
    stream_above_gb: NotNegative | None = None
    """Demonstrations of a domain that would take more memory [10^9 bytes] stay in their shards and are read batch by
    batch: a longer training is not a larger one. The batches are the same. Default: a quarter of the free memory; 0:
    always."""
    checkpoint_every: Count = 500
    """Keep the state every so many steps: a stop loses no more."""
    closed_loop_every: CountOrNone = 0
    """Measure success every so many steps; 0: never."""
    closed_loop_episodes: Episodes = 20
    """Episodes of each such measurement, of each set."""
    closed_loop_set: str = "cubes"
    """Its object set, or several with commas between: the rate that counts is their mean."""
    closed_loop_seed: Seed = 800_000
    """Its first seed: neither trained on nor used by `evaluate`."""
    mesh: str | None = None
    """Devices to spread over, like data=4,fsdp=2: both split the batch, fsdp weights and optimiser, too."""
    coordinator: str | None = None
    """host:port of the first of several processes that train together, each started with the same command."""
    processes: Processes = 1
    """How many there are."""
    process: CountOrNone = 0
    """Which of them this one is, from 0."""
    compute: Literal["float32", "bfloat16"] | None = None
    """Precision of the products while training; default: the preset's. Weights and optimiser stay float32, and what is
    saved deploys as the preset does."""
    attention: Literal["plain", "fused"] | None = None
    """"fused": the backend's own kernel, for a GPU; default: the preset's."""
    rematerialise: bool | None = None
    """Compute layers again in the backward pass: less memory, more time; default: the preset's."""
    profile: bool = False
    """Write a trace of five steps into OUT/tensorboard, for TensorBoard's profile page or xprof."""
    domain: str = STACKING
    """rgb_stacking (the robot), babyai, meta_world, atari, or a file of your own, PATH.py; the data are those of
    `collect --domain`."""
    task: str | None = None
    """Of another domain than the robot's: what is to be learned; its first task where none is named."""


@dataclass(frozen=True)
class MixtureRun:
    """What to train on, and where."""

    mixture: Path
    """YAML file: the parts, their data and weights, rates and steps (docs/how-to/generalist.md)."""
    out: OutFolder
    """Folder of the run."""
    init: Path | None = None
    """Start from these weights, a folder or a shipped name. They may be those of one spec, with fewer layers and a
    smaller vocabulary: what they do is kept."""
    dropout: ShareBelowOne = 0.0
    """Share of every sub-layer's output that is left out while training."""
    stream_above_gb: NotNegative | None = None
    """Demonstrations of a domain that would take more memory [10^9 bytes] stay in their shards and are read batch by
    batch: a longer training is not a larger one. The batches are the same. Default: a quarter of the free memory; 0:
    always."""
    compute: Literal["float32", "bfloat16"] | None = None
    """Precision of the products while training; default: the preset's. Weights and optimiser stay float32, and what is
    saved deploys as the preset does."""
    attention: Literal["plain", "fused"] | None = None
    """"fused": the backend's own kernel, for a GPU; default: the preset's."""
    rematerialise: bool | None = None
    """Compute layers again in the backward pass: less memory, more time; default: the preset's."""
    profile: bool = False
    """Write a trace of five steps into OUT/tensorboard, for TensorBoard's profile page or xprof."""
