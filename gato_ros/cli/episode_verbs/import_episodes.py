"""Make episodes of recordings of somebody else: rosbag2, a LeRobot dataset, HDF5 (robomimic, ALOHA), or RLDS.

A mapping says what of them is what of the robot's contract; exports of our own need none. What cannot be used is
left out and counted with its reason. What is in the folder already stays: an import that was stopped goes on.
"""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.run import Format

if TYPE_CHECKING:
    from gato_ros.data.imports.mapping import ImportMapping
    from gato_ros.data.imports.run import Imported

NEEDS = {
    "hdf5": ("h5py",),
    "lerobot": ("pyarrow",),
    "rlds": ("tensorflow_datasets", "array_record"),
    "rosbag2": ("rosbags", "rclpy"),
}


@dataclass(frozen=True)
class Options:
    """From where, as what, to where."""

    source: Annotated[Path, tyro.conf.Positional]
    """A folder (lerobot, rlds), a file or a folder of files (hdf5), or a bag or a folder of bags (rosbag2)."""
    format: Format
    """What it is."""
    out: Path
    """Folder for the episodes."""
    mapping: Path | None = None
    """YAML: what comes from where (docs/how-to/import.md). An export of ours, or a bag of our loop, needs none."""
    embodiment: str = ""
    """Name or path of the robot's contract. Default: the one that an export of ours names. Of a bag always needed."""
    task: str = ""
    """What is done, in words, where neither the recording nor the mapping says it."""
    json: Path | None = None
    """Write counts, and what was left out with its reason, here as JSON."""


def run(options: Options) -> dict:
    """Import; counts, and what was left out with the reason."""
    from gato_ros.data.imports.mapping import read_mapping
    from gato_ros.data.imports.run import import_all, open_source, robot_of_source
    from gato_ros.evaluation.progress import counted

    _check_packages(options.format)
    mapping = None if options.mapping is None else read_mapping(options.mapping)
    if mapping is not None and options.task and not mapping.task:
        mapping = mapping.model_copy(update={"task": options.task})
    if options.format == "rosbag2":
        count, found = _import_bags(options, mapping)
    else:
        source = open_source(options.format, options.source)
        robot, count = robot_of_source(source, options.embodiment), len(source)
        with counted("import", count, transient=True) as advance:
            found = import_all(source, options.format, options.source, mapping, robot, options.out, advance)
    for reason, times in found.left_out.items():
        print(f"left out: {times} of {count}: {reason}")
    for reason, times in found.skipped.items():
        print(f"skipped: {times} messages: {reason}")
    print(f"{found.episodes} episodes, {found.steps} steps into {options.out}; {found.there} were there already")
    if not found.episodes + found.there:
        raise SetupError(
            expected=f"an episode in {options.source} that can be used",
            got="; ".join(f"{count} times: {reason}" for reason, count in found.left_out.items()) or "no episodes",
            fix="correct the mapping",
        )
    return {"ok": True, **dataclasses.asdict(found), "out": str(options.out)}


def _import_bags(options: Options, mapping: ImportMapping | None) -> tuple[int, Imported]:
    """How many bags there are, and what came of them."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.progress import counted
    from gato_ros.nodes.bags.bag_graph import bags_at
    from gato_ros.nodes.bags.import_bags import check_for_bags, import_bags

    if not options.embodiment:
        raise SetupError(
            expected="the contract of the robot that the bag is of",
            got="no --embodiment",
            fix="--embodiment NAME_OR_YAML",
        )
    robot = load_embodiment(options.embodiment)
    check_for_bags(mapping, robot)
    count = len(bags_at(options.source))
    with counted("import", count, transient=True) as advance:
        return count, import_bags(options.source, robot, mapping, options.out, advance, options.task)


def _check_packages(format: Format) -> None:
    for package in NEEDS[format]:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise SetupError(
                expected=f"the packages of the extra `{format}`",
                got=f"no {package} that can be imported ({error})",
                fix="pip install -r requirements/export.txt -c requirements/constraints.txt",
            ) from None
