"""Clone demonstrations into a Gato that sees images and proprioception.

Resumes by itself: run the same command again. Leaves the weights in OUT/last and OUT/best (by closed-loop
success), curves in OUT/curves.jsonl and OUT/tensorboard.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.training.config import TrainingConfig

VALIDATION_SHARE = 20
"""One in so many files (an episode, a hundred scenes) is held out."""


@dataclass(frozen=True)
class Options:
    """What to train on, what to train, and where."""

    data: tuple[Path, ...]
    """Folders with episodes or snapshots, by `collect`."""
    out: Path
    """Folder of the run."""
    preset: str = "sawyer_small"
    """A single-step model size (see `presets`)."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Steps, batch, rates, augmentation."""
    init: Path | None = None
    """Start from these weights instead of random ones."""
    closed_loop_every: int = 0
    """Measure success every so many steps; 0: never."""
    closed_loop_episodes: int = 20
    """Episodes of each such measurement."""
    closed_loop_set: str = "cubes"
    """Its object set."""
    closed_loop_seed: int = 800_000
    """Its first seed: neither trained on nor used by `evaluate`."""
    json: Path | None = None
    """Write the final figures here as JSON."""


def run(options: Options) -> dict:
    """Train with a progress bar; returns the final figures."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.layout import token_layout
    from gato_ros.models.weights import load_weights
    from gato_ros.sim.task import OBJECT_NAMES
    from gato_ros.training.examples import Examples
    from gato_ros.training.loop import Schedule, train

    model = _model(options.preset)
    embodiment = load_embodiment()
    initial = load_weights(options.init, embodiment).params if options.init else None
    layout = token_layout(embodiment, model)
    training_frames, validation_frames, data = _frames(options.data)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(TextColumn("train"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                  TextColumn("{task.fields[note]}"), refresh_per_second=1) as progress:
        bar = progress.add_task("", total=options.training.steps, note="compiling")

        def report(state) -> None:
            note = " ".join(f"{key} {value:.3g}" for key, value in state.values.items())
            progress.update(bar, completed=state.step, note=note)

        every = max(1, min(500, options.training.steps))
        schedule = Schedule(min(50, every), every, every, options.closed_loop_every)
        closed_loop = (lambda directory: _closed_loop(options, directory)) if options.closed_loop_every else None
        result = train(options.training, model, embodiment, Examples.of(training_frames, layout, OBJECT_NAMES),
                       Examples.of(validation_frames, layout, OBJECT_NAMES), data, options.out, schedule, report,
                       closed_loop, initial)
    print(f"weights in {options.out / 'last'}")
    return {**result, "out": str(options.out), "data": data}


def _model(preset: str):
    from gato_ros.models.presets import PRESETS
    from gato_ros.training.auxiliary import NAMES

    trainable = {name: model for name, model in PRESETS.items() if model.action_decoding == "one_pass"}
    if preset not in trainable:
        raise unknown_name("a single-step preset", preset, trainable)
    model = trainable[preset]
    return replace(model, auxiliary=NAMES, auxiliary_early_layer=max(1, model.layers // 2))


def _frames(folders: tuple[Path, ...]):
    """Training frames, held-out frames, and the count of frames per folder."""
    from gato_ros.data.frames import frame_parts, join

    training, validation, data = [], [], {}
    for folder in folders:
        parts = frame_parts(folder)
        data[str(folder)] = sum(len(part) for part in parts)
        held_out = parts[::VALIDATION_SHARE] if len(parts) > 1 else []
        validation += held_out
        training += [part for i, part in enumerate(parts) if i % VALIDATION_SHARE or not held_out]
    if not validation:
        raise SetupError(expected="at least two episodes or snapshot files, one of them to hold out",
                         got=f"{len(training)} in {', '.join(map(str, folders))}", fix="collect more")
    return join(training), join(validation), data


def _closed_loop(options: Options, directory: Path) -> dict[str, float]:
    from gato_ros.cli import evaluate

    result = evaluate.run(evaluate.Options(policy=str(directory), set=options.closed_loop_set, quiet=True,
                                           episodes=options.closed_loop_episodes, seed=options.closed_loop_seed))
    row = result["sets"][options.closed_loop_set]
    return {"rate": row["rate"], "episodes": row["episodes"], "mean_steps": row["mean_steps"],
            **{f"stage_{name}": count / row["episodes"] for name, count in row["stages"].items()}}
