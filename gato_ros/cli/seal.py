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
    from gato_ros.models.weights import reseal

    if options.embodiment != Options.embodiment and not options.golden:
        raise SetupError(expected="--golden with --embodiment", got="no --golden", fix="leave one out or give both")

    for folder in options.folders:
        reseal(folder)
        if options.golden:
            reseal(folder, _decisions(folder, options.embodiment))
        print(f"sealed {folder}" + (" with golden decisions" if options.golden else ""))
    return {"sealed": [str(folder) for folder in options.folders]}


def _decisions(folder: Path, embodiment: str) -> list[dict]:
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.serving.reference_decisions import golden_decisions
    from gato_ros.models.weights import weights_config

    robot = contract_for(load_embodiment(embodiment), weights_config(folder).observation_keys)
    return golden_decisions(GatoPolicy.from_directory(folder, robot, precision="float32"))
