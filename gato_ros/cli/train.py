"""Clone demonstrations into a Gato that sees images and proprioception.

Single-step presets learn from single frames, autoregressive ones (`--sequence.*`) from windows of several control
steps, which need episodes with images at every step: `collect --image-share 1`.

With --init it fine-tunes weights by the paper's numbers: learning rate 1e-5 throughout, dropout 0.1, batches of 64,
10,000 steps. Any of them that is given as an option counts instead; a learning rate of one's own comes with warm-up and
cosine.

Resumes by itself: run the same command again. Leaves the weights in OUT/last and OUT/best (by closed-loop
success), curves in OUT/curves.jsonl and OUT/tensorboard.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from gato_ros.cli import train_closed_loop
from gato_ros.cli.train_sequences import SequenceOptions
from gato_ros.core.bounds import CountOrNone, Episodes, Processes, Seed, ShareBelowOne
from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.training.config import FINE_TUNING, FINE_TUNING_DROPOUT, TrainingConfig, fine_tuning

if TYPE_CHECKING:
    from gato_ros.core.contract import Contract
    from gato_ros.models.config import GatoConfig
    from gato_ros.training.supervision import Supervision

VALIDATION_SHARE = 20
"""One in so many files (an episode, a hundred scenes) is held out."""


@dataclass(frozen=True)
class Options:
    """What to train on, what to train, and where."""

    data: Annotated[tuple[Path, ...], tyro.conf.arg(aliases=("--episodes",))]
    """Folders with episodes by `collect` or a recorder, or snapshots by `collect`."""
    out: OutFolder
    """Folder of the run."""
    domain: str = STACKING
    """rgb_stacking (the robot), or babyai; the data are those of `collect --domain`."""
    task: str | None = None
    """Of another domain than the robot's: what is to be learned; its first task where none is named."""
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
    init: Path | None = None
    """Start from these weights, a folder or a shipped name, instead of random ones. They may attend in another way: a
    policy that streams may start from one that sees single steps."""
    dropout: ShareBelowOne | None = None
    """Share of every sub-layer's output that is left out while training; default: 0.1 with --init, else none."""
    resident: bool = False
    """Keep all training frames on the device, about 100 kB each: for a GPU that outruns a CPU's batches. Autoregressive
    presets only, without --mesh. The batches are the same."""
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
    json: Path | None = None
    """Write the final figures here as JSON."""


def parse(args: list[str], **more: Any) -> Options:
    """The options of a command line. What it leaves out is the domain's, and with --init the fine-tuning's.

    A program that makes `Options` by itself says with `training` what it wants.
    """
    options = tyro.cli(Options, args=args, **more)
    if options.domain != STACKING:
        from gato_ros.cli.train_start import with_defaults

        options = tyro.cli(Options, args=args, default=with_defaults(options), **more)
    if options.init is None:
        return options
    # What comes out the same from other defaults was given.
    default = replace(options, training=replace(options.training, **FINE_TUNING))
    tuned = tyro.cli(Options, args=args, default=default, **more).training
    given = {key for key in FINE_TUNING if getattr(tuned, key) == getattr(options.training, key)}
    return replace(options, training=replace(options.training, **fine_tuning(given)))


def run(options: Options) -> dict:
    """Train with a live picture; returns the final figures."""
    from gato_ros.cli.train_start import closed_loop, start
    from gato_ros.training.dashboard import Dashboard
    from gato_ros.training.loop import Schedule, train
    from gato_ros.training.starting_weights import starting_weights

    train_closed_loop.check(options)
    mesh = _mesh(options)
    begun = start(options)
    model = replace(begun.model, dropout=_dropout(options, begun.model))
    _check_kind(options, model)
    initial = starting_weights(options.init, model, begun.contract) if options.init else None
    make = _single_step if model.action_decoding == "one_pass" else _sequences
    objective, data = make(options, model, begun.contract, begun.supervision)
    steps = objective.config.steps
    if options.init:
        print(f"train: from {options.init}: {_in_words(objective.config)}, dropout {model.dropout:g}", flush=True)
    dashboard = Dashboard(steps, objective.frames_per_step, options.out, begun.supervision.curves)

    def measured(directory: Path) -> dict[str, float]:
        dashboard.note("measuring success")
        return (train_closed_loop.measured if options.domain == STACKING else closed_loop)(options, directory)

    every = max(1, min(500, steps))
    schedule = Schedule(min(50, every), every, every, options.closed_loop_every)
    with dashboard.shown():
        result = train(
            objective,
            begun.contract,
            begun.supervision,
            data,
            options.out,
            schedule,
            dashboard.report,
            measured if options.closed_loop_every else None,
            initial,
            mesh,
        )
    print(f"weights in {options.out / 'last'}")
    return {**result, "out": str(options.out), "data": data}


def _dropout(options: Options, model: GatoConfig) -> float:
    if options.dropout is not None:
        return options.dropout
    return FINE_TUNING_DROPOUT if options.init else model.dropout


def _in_words(config: Any) -> str:
    """The numbers of fine-tuning as they were chosen."""
    rate = f"learning rate {config.learning_rate:g}"
    if config.warmup_steps == 0 and config.final_share == 1:
        return f"{config.steps} steps of {config.batch}, {rate} throughout"
    return (
        f"{config.steps} steps of {config.batch}, {rate} after {config.warmup_steps} steps of warm-up, "
        f"then down to {config.final_share:g} of it"
    )


def _mesh(options: Options):
    """The devices to spread over; None for the one that JAX takes by itself. Nothing may have asked JAX before."""
    from gato_ros.training.sharding import MeshShape, join, make_mesh

    if (options.processes > 1) != (options.coordinator is not None) or (options.processes > 1 and not options.mesh):
        raise SetupError(
            expected="--mesh, --coordinator and --processes together, or --mesh alone",
            got=f"--mesh {options.mesh}, --coordinator {options.coordinator}, --processes {options.processes}",
            fix="see `train --help`",
        )
    shape = MeshShape.parse(options.mesh) if options.mesh else None
    if options.coordinator:
        join(options.coordinator, options.processes, options.process)
    return make_mesh(shape) if shape else None


def _single_step(options: Options, model: GatoConfig, contract: Contract, supervision: Supervision):
    """The objective of a single-step model, and the count of frames per folder."""
    from gato_ros.models.layout import token_layout
    from gato_ros.training.examples import Examples
    from gato_ros.training.mixing import mixing_weights, step_weights, unless_equal
    from gato_ros.training.objective import SingleStep

    layout = token_layout(contract.spec, model)
    weights = mixing_weights(options.weights)
    training, validation, data = _frames(options, weights)
    examples = [
        Examples.of(frames, layout, supervision, unless_equal(step_weights(frames.teachers, weights)))
        for frames in (training, validation)
    ]
    return SingleStep(_training(options.training, model), model, layout, *examples), data


def _sequences(options: Options, model: GatoConfig, contract: Contract, supervision: Supervision):
    """The objective of an autoregressive model, and the count of frames per folder."""
    from gato_ros.cli.train_sequences import chosen, load
    from gato_ros.models.layout import token_layout
    from gato_ros.training.mixing import mixing_weights
    from gato_ros.training.resident import ResidentSequences
    from gato_ros.training.sequence import Sequences
    from gato_ros.training.windows import Windows

    layout, config = token_layout(contract.spec, model), chosen(options.sequence, options.preset, bool(options.init))
    weights = mixing_weights(options.weights)
    training, validation, data = load(
        options.data, options.limit, config.return_share, VALIDATION_SHARE, weights, options.failures
    )
    auxiliary = bool(model.auxiliary)
    windows = [Windows.of(part, layout, supervision, weights, auxiliary) for part in (training, validation)]
    return (ResidentSequences if options.resident else Sequences)(config, model, layout, *windows), data


def _check_kind(options: Options, model: GatoConfig) -> None:
    """Refuse options of the other kind of training, which would count for nothing."""
    streams = model.action_decoding == "autoregressive"
    untouched = {
        "training": (TrainingConfig(), replace(TrainingConfig(), **FINE_TUNING)),
        "sequence": (SequenceOptions(),),
    }
    other = "training" if streams else "sequence"
    if getattr(options, other) not in untouched[other]:
        wanted, given = ("sequence", "training") if streams else ("training", "sequence")
        raise SetupError(
            expected=f"--{wanted}.* with {options.preset}",
            got=f"--{given}.*",
            fix=f"this preset is {'autoregressive' if streams else 'single-step'}",
        )
    if options.resident and (options.mesh or not streams):
        raise SetupError(
            expected="--resident with an autoregressive preset and one device",
            got=f"--preset {options.preset}, --mesh {options.mesh}",
            fix="leave one of them out",
        )


def _training(training: TrainingConfig, model) -> TrainingConfig:
    """Without hidden inputs for a model that is given the poses: there would be nothing left to learn from."""
    from gato_ros.embodiments.privileged import reads_privileged

    return replace(training, blind_share=0.0) if reads_privileged(model.observation_keys) else training


def _frames(options: Options, weights: dict[str, float]):
    """Training frames, held-out frames, and the count of frames per folder: those that count for something."""
    from gato_ros.cli.train_sequences import told_left_out, told_sources
    from gato_ros.data.frame_cache import frame_parts
    from gato_ros.data.frames import join
    from gato_ros.training.mixing import step_weights

    folders, limit = options.data, options.limit
    training, validation, data = [], [], {}
    for folder in folders:
        found = frame_parts(folder, told_left_out(folder, options.failures))
        told_sources(folder, found, weights)
        counts = [step_weights(part.teachers, weights) > 0 for part in found]
        parts = [part if count.all() else part.only(np.flatnonzero(count)) for part, count in zip(found, counts)]
        parts = [part for part in parts if len(part)]
        if limit is not None and not 2 <= limit <= len(parts):
            raise SetupError(
                expected=f"--limit of 2 to the {len(parts)} files with frames in {folder}",
                got=str(limit),
                fix="collect more, or take fewer",
            )
        parts = parts[:limit]
        data[str(folder)] = sum(len(part) for part in parts)
        held_out = parts[::VALIDATION_SHARE] if len(parts) > 1 else []
        validation += held_out
        training += [part for i, part in enumerate(parts) if i % VALIDATION_SHARE or not held_out]
    if not validation:
        raise SetupError(
            expected="at least two episodes or snapshot files, one of them to hold out",
            got=f"{len(training)} in {', '.join(map(str, folders))}",
            fix="collect more",
        )
    return join(training), join(validation), data
