"""Clone demonstrations into a Gato that sees images and proprioception.

Single-step presets learn from single frames, autoregressive ones (`--sequence.*`) from windows of several control
steps, which need episodes with images at every step: `collect --image-share 1`.

With --init it fine-tunes weights by the paper's numbers: learning rate 1e-5 throughout, dropout 0.1, batches of 64,
10,000 steps. Any of them that is given as an option counts instead; a learning rate of one's own comes with warm-up and
cosine.

One set of weights for several domains: `train --mixture FILE.yaml --out DIR [--init WEIGHTS]`. The file says what is
learned from what (docs/how-to/generalist.md).

Resumes by itself: run the same command again. Leaves the weights in OUT/last and OUT/best (by closed-loop
success), curves in OUT/curves.jsonl and OUT/tensorboard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.training_run.settings import MixtureRun, TrainingRun
from gato_ros.training.config import FINE_TUNING, fine_tuning


@dataclass(frozen=True)
class Options(TrainingRun):
    """What to train on, what to train, and where."""

    data: Annotated[tuple[Path, ...], tyro.conf.arg(aliases=("--episodes",))]
    """Folders with episodes by `collect` or a recorder, or snapshots by `collect`."""
    json: Path | None = None
    """Write the final figures here as JSON."""


@dataclass(frozen=True)
class MixtureOptions(MixtureRun):
    """Of a training on several domains."""

    json: Path | None = None
    """Write the final figures here as JSON."""


def parse(args: list[str], **more: Any) -> Options | MixtureOptions:
    """The options of a command line. What it leaves out is the domain's, and with --init the fine-tuning's.

    A program that makes `Options` by itself says with `training` what it wants.
    """
    if any(arg.partition("=")[0] == "--mixture" for arg in args):
        return tyro.cli(MixtureOptions, args=args, **more)
    options = tyro.cli(Options, args=args, **more)
    if options.domain != STACKING:
        from gato_ros.evaluation.training_run.start import with_defaults

        options = tyro.cli(Options, args=args, default=with_defaults(options), **more)
    if options.init is None:
        return options
    # What comes out the same from other defaults was given.
    default = replace(options, training=replace(options.training, **FINE_TUNING))
    tuned = tyro.cli(Options, args=args, default=default, **more).training
    given = {key for key in FINE_TUNING if getattr(tuned, key) == getattr(options.training, key)}
    return replace(options, training=replace(options.training, **fine_tuning(given)))


def run(options: Options | MixtureOptions) -> dict:
    """Train with a live picture; returns the final figures."""
    if isinstance(options, MixtureOptions):
        from gato_ros.evaluation.training_run.generalist import train_mixture

        return train_mixture(options)
    from gato_ros.evaluation.training_run.training import train_policy

    return train_policy(options)
