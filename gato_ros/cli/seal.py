"""Seal the config.json of weights anew, so that they load: after an edit on purpose, or if they are from before seals.

What is checked: that the record is complete and that the parameters are the ones it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Options:
    """Which weights."""

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders with config.json and params.safetensors."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Seal each folder; the first that cannot be sealed ends it."""
    from gato_ros.models.weights import reseal

    for folder in options.folders:
        reseal(folder)
        print(f"sealed {folder}")
    return {"sealed": [str(folder) for folder in options.folders]}
