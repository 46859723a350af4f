"""Take episodes to other formats: a LeRobot dataset (v3.0), a TensorFlow Datasets folder in RLDS form, or HDF5.

The recordings stay the archive; an export can be made again at any time. What each keeps: docs/how-to/episodes.md.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from gato_ros.core.errors import SetupError

NEEDS = {"hdf5": ("h5py",), "lerobot": ("pyarrow",), "rlds": ("tensorflow_datasets", "array_record")}
"""Format -> what its extra installs."""


@dataclass(frozen=True)
class Options:
    """Which episodes, and to what."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of episodes, or files, of one contract."""
    format: Literal["lerobot", "rlds", "hdf5"]
    """What to write."""
    out: Path
    """The file (hdf5) or folder to make; it must not be there."""
    pictures: Literal["mp4", "png"] = "mp4"
    """LeRobot's: films are small and not exact, PNGs are exact. The other formats are always exact."""
    no_images: bool = False
    """Leave the cameras out; then episodes without images at every step can go as well."""
    failures: bool = False
    """Take episodes that failed, too."""
    json: Path | None = None
    """Write what was exported here as JSON."""


def run(options: Options) -> dict:
    """Export; counts, and what was left out with the reason."""
    from gato_ros.data.episodes.summary import chosen_files
    from gato_ros.data.exports.selection import select
    from gato_ros.evaluation.progress import counted

    _check(options)
    selection = select(chosen_files(options.places), not options.no_images, options.failures)
    for path, reason in selection.left_out.items():
        print(f"left out: {path}: {reason}")
    with counted("export", len(selection.summaries), transient=True) as advance:
        if options.format == "hdf5":
            from gato_ros.data.exports.hdf5 import export_hdf5

            steps = export_hdf5(selection, options.out, advance)
        elif options.format == "rlds":
            from gato_ros.data.exports.rlds import export_rlds

            steps = export_rlds(selection, options.out, advance)
        else:
            from gato_ros.data.exports.lerobot import export_lerobot

            steps = export_lerobot(selection, options.out, options.pictures, advance)
    print(f"{len(selection.summaries)} episodes, {steps} steps in {options.out}")
    return {
        "ok": True,
        "format": options.format,
        "out": str(options.out),
        "episodes": len(selection.summaries),
        "steps": steps,
        "left_out": selection.left_out,
    }


def _check(options: Options) -> None:
    """Refuse now what would end the export in its middle."""
    for package in NEEDS[options.format]:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise SetupError(
                expected=f"the packages of the extra `{options.format}`",
                got=str(error),
                fix="pip install -r requirements/export.txt -c requirements/constraints.txt",
            ) from None
    if options.out.exists():
        raise SetupError(
            expected=f"a new place for the export, {options.out}",
            got="something is there",
            fix="take another name, or move that away",
        )
