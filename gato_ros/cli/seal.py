"""Seal the config.json of weights anew, so that they load: after an edit on purpose, or if they are from before seals.

What is checked: that the record is complete and that the parameters are the ones it names. `--golden` also writes down
what the weights decide on a few fixed observations on this machine; wherever they are loaded to drive, the same has to
come out, or they are refused.
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
    """Take down this machine's decisions as those that every other has to make."""
    embodiment: str = "sawyer_rgb_stacking"
    """Contract of the weights, for --golden."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Seal each folder; the first that cannot be sealed ends it."""
    from gato_ros.evaluation.sealing import seal_weights

    if options.embodiment != Options.embodiment and not options.golden:
        raise SetupError(expected="--golden with --embodiment", got="no --golden", fix="leave one out or give both")

    for folder in options.folders:
        seal_weights(folder, options.golden, options.embodiment)
        print(f"sealed {folder}" + (" with golden decisions" if options.golden else ""))
    return {"sealed": [str(folder) for folder in options.folders]}
