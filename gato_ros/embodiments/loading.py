"""A contract from its YAML file, laid over the one that it extends, and checked against its URDF."""

from __future__ import annotations

import os
from pathlib import Path

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.channels import source_of
from gato_ros.embodiments.contract import FOLDER, GROUND_TRUTH, Embodiment
from gato_ros.embodiments.extension import check_nothing_dropped, laid_over
from gato_ros.embodiments.neighbours.check import check_neighbour
from gato_ros.embodiments.urdf import check_urdf
from gato_ros.embodiments.validation import validated
from gato_ros.embodiments.versions.implied import NEWEST
from gato_ros.embodiments.versions.upgrade import upgraded_file
from gato_ros.embodiments.yaml_file import YamlFile, read_yaml

DEFAULT = "sawyer_rgb_stacking"
"""The contract where none is named."""
FOLDERS = "GATO_ROS_EMBODIMENTS"
"""Environment variable: folders with more contracts that can be named, as recordings name theirs."""
WHAT = "a valid contract"
EXAMPLE = "gato_ros/embodiments/sawyer_rgb_stacking.yaml"
EXTENDS = "extends"
"""The key with which a contract names the shipped one that it changes."""


def _known() -> dict[str, list[Path]]:
    """Name -> files of every contract that can be named: the shipped ones, and those in the folders of FOLDERS."""
    folders = [Path(part) for part in os.environ.get(FOLDERS, "").split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(
                expected=f"folders in the environment variable {FOLDERS}",
                got=f"no folder {folder}",
                fix="give absolute paths, with a colon between them",
            )
    known: dict[str, list[Path]] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in (FOLDER, *folders)):
        for path in sorted(folder.glob("*.yaml")):
            known.setdefault(path.stem, []).append(path)
    return known


def known_contracts() -> tuple[str, ...]:
    """Names of the shipped contracts, and of those in the folders of the environment variable FOLDERS."""
    return tuple(_known())


def _named(name: str) -> Path:
    known = _known()
    if name not in known:
        raise unknown_name("an embodiment", name, known)
    first, *others = known[name]
    if others:  # one of them would be the robot, and the limits of the other would not count
        raise SetupError(
            expected=f"one contract of the name {name}",
            got=f"{first} and {others[0]}",
            fix="give yours another name, in the file and of the file",
        )
    return first


def _file(path: Path) -> YamlFile:
    """What a file says, laid over what it extends."""
    file = read_yaml(path, WHAT, EXAMPLE)
    if EXTENDS not in file.content:
        return file
    named = file.content.pop(EXTENDS)
    if not isinstance(named, str):
        raise SetupError(
            expected=f"the name of a contract after {EXTENDS} in {path}",
            got=f"{named!r}, {file.where(EXTENDS)}",
            fix=f"e.g. {EXTENDS}: {DEFAULT}",
        )
    base = read_yaml(_named(named), WHAT, EXAMPLE)
    if EXTENDS in base.content:
        raise SetupError(
            expected=f"a contract in {path} that extends a whole one",
            got=f"{named}, no whole one, {file.where(EXTENDS)}",
            fix=f"extend {base.content[EXTENDS]}",
        )
    check_nothing_dropped(base, file)
    if "schema" in file.content:  # what it adds may be of a newer schema than its base
        base = upgraded_file(base) if file.content["schema"] == NEWEST else base
    return laid_over(base, file)


def load_embodiment(name_or_path: str | Path = DEFAULT) -> Embodiment:
    """The contract of that name, or the YAML file at that path, checked.

    A file may begin with `extends: NAME` of a whole contract, and then needs only what it adds or changes.

    Raises:
        SetupError: no such contract, or two of that name; not the strict YAML of `read_yaml`; an unknown or missing
            key, a bad range, a joint or a frame that the URDF lacks or has otherwise. The message names key and line.
    """
    path = file_of(name_or_path, Path())
    robot = _loaded(path, _is_name(name_or_path))
    # One step only: of its neighbours' own neighbours it is enough to know which files they are, and circles end here.
    others = {}
    for name, stated in robot.guard_neighbours.items():
        other_path = file_of(stated.contract, path.parent)
        other = others[name] = _loaded(other_path, _is_name(stated.contract))
        back = {key: file_of(one.contract, other_path.parent) for key, one in other.guard_neighbours.items()}
        check_neighbour(robot, name, other, [key for key, file in back.items() if file.resolve() == path.resolve()])
    return robot.beside(others) if others else robot


def _is_name(name_or_path: str | Path) -> bool:
    return Path(name_or_path).suffix not in (".yaml", ".yml")


def file_of(name_or_path: str | Path, folder: Path) -> Path:
    """The contract's file; a path is looked for from `folder` on. SetupError for an unknown name."""
    return _named(str(name_or_path)) if _is_name(name_or_path) else folder / name_or_path


def _loaded(path: Path, named: bool) -> Embodiment:
    """The contract in that file, whose name is the file's where it was named so; its neighbours are not looked at."""
    file = upgraded_file(_file(path))
    embodiment = validated(Embodiment, file, WHAT, EXAMPLE, (EXTENDS,)).found_in(path.resolve().parent)
    if named and embodiment.name != path.stem:  # recordings hold the name, and find the file by it
        raise SetupError(expected=f"name: {path.stem} in {path}", got=embodiment.name, fix="give both one name")
    for key, channel in embodiment.observations.items():
        if source_of(channel) == GROUND_TRUTH:
            raise SetupError(
                expected=f"a sensor as the source of {key} in {path}",
                got=GROUND_TRUTH,
                fix="a robot has no ground truth; controls add it with with_privileged()",
            )
    if not embodiment.urdf_path.exists():
        raise SetupError(
            expected=f"a URDF beside the contract in {path}", got=f"no file {embodiment.urdf_path}", fix="check `urdf`"
        )
    check_urdf(embodiment)
    _check_overrides(embodiment, file)
    return embodiment


def _check_overrides(embodiment: Embodiment, file: YamlFile) -> None:
    """SetupError for an end of a joint beyond the URDF's: it would not count."""
    lower, upper, _ = embodiment.model_copy(
        update={"arm": embodiment.arm.model_copy(update={"position_overrides_rad": {}})}
    ).joint_limits
    for name, (lowest, highest) in embodiment.arm.position_overrides_rad.items():
        i = embodiment.arm.joints.index(name)
        if lowest < lower[i] or highest > upper[i]:
            raise SetupError(
                expected=f"ends of {name} within the URDF's, {lower[i]:g} to {upper[i]:g} rad, in {file.path}",
                got=f"{lowest:g} to {highest:g}, {file.where('arm', 'position_overrides_rad', name)}",
                fix="an override may only narrow; change the URDF to widen",
            )
