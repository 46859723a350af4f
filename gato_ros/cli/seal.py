"""Compute the checksum of weights again, so that they load: after an edit of config.json, or if they have none.

The verb checks that the record is complete and that the parameters are the ones it names. `--golden` also records what
the weights decide on a few fixed observations on this machine. A machine that decides otherwise refuses to load them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gato_ros.core.errors import SetupError


@dataclass(frozen=True)
class Options:
    """Which weights."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders with config.json and params.safetensors, or names of shipped weights."""
    golden: bool = False
    """Also record this machine's decisions, as those that every machine has to make."""
    embodiment: str = "sawyer_rgb_stacking"
    """Contract of the weights, for --golden."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Renew the checksum of each folder; the first that is refused ends it."""
    from gato_ros.evaluation.weights_checksum import renew_checksum

    if options.embodiment != Options.embodiment and not options.golden:
        raise SetupError(expected="--golden with --embodiment", got="no --golden", fix="leave one out or give both")

    for folder in options.folders:
        renew_checksum(folder, options.golden, options.embodiment)
        print(f"recorded the checksum in {folder}" + (", and golden decisions" if options.golden else ""))
    # The key that other programs read.
    return {"sealed": [str(folder) for folder in options.folders]}
