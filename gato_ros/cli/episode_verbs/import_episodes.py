"""Make episodes of recordings of somebody else: a LeRobot dataset, HDF5 (robomimic, ALOHA), or RLDS.

A mapping says what of them is what of the robot's contract; exports of our own need none. What cannot be used is
left out and counted with its reason. What is in the folder already stays: an import that was stopped goes on.
"""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.run import Format

NEEDS = {"hdf5": ("h5py",), "lerobot": ("pyarrow",), "rlds": ("tensorflow_datasets", "array_record")}


@dataclass(frozen=True)
class Options:
    """From where, as what, to where."""

    source: Annotated[Path, tyro.conf.Positional]
    """A folder (lerobot, rlds), or a file or a folder of files (hdf5)."""
    format: Format
    """What it is."""
    out: Path
    """Folder for the episodes."""
    mapping: Path | None = None
    """YAML: what comes from where (docs/how-to/import.md). Not needed for an export of ours."""
    embodiment: str = ""
    """Name or path of the robot's contract. Default: the one that an export of ours names."""
    json: Path | None = None
    """Write counts, and what was left out with its reason, here as JSON."""


def run(options: Options) -> dict:
    """Import; counts, and what was left out with the reason."""
    from gato_ros.data.imports.mapping import read_mapping
    from gato_ros.data.imports.run import import_all, open_source, robot_of_source
    from gato_ros.evaluation.progress import counted

    _check_packages(options.format)
    mapping = None if options.mapping is None else read_mapping(options.mapping)
    source = open_source(options.format, options.source)
    robot = robot_of_source(source, options.embodiment)
    with counted("import", len(source), transient=True) as advance:
        found = import_all(source, options.format, options.source, mapping, robot, options.out, advance)
    for reason, count in found.left_out.items():
        print(f"left out: {count} of {len(source)}: {reason}")
    print(f"{found.episodes} episodes, {found.steps} steps into {options.out}; {found.there} were there already")
    if not found.episodes + found.there:
        raise SetupError(
            expected=f"an episode in {options.source} that can be used",
            got="; ".join(f"{count} times: {reason}" for reason, count in found.left_out.items()) or "no episodes",
            fix="correct the mapping",
        )
    return {"ok": True, **dataclasses.asdict(found), "out": str(options.out)}


def _check_packages(format: Format) -> None:
    for package in NEEDS[format]:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise SetupError(
                expected=f"the packages of the extra `{format}`",
                got=str(error),
                fix="pip install -r requirements/export.txt -c requirements/constraints.txt",
            ) from None
