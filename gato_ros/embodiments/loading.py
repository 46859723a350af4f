"""A contract from its YAML file, laid over the one that it extends, and checked against its URDF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.contract import FOLDER, GROUND_TRUTH, Embodiment
from gato_ros.embodiments.urdf import check_urdf

DEFAULT = "sawyer_rgb_stacking"
"""The contract where none is named."""
FOLDERS = "GATO_ROS_EMBODIMENTS"
"""Environment variable: folders with more contracts that can be named, as recordings name theirs."""
EXTENDS = "extends"
"""The key with which a contract names the shipped one that it changes."""


def _known() -> dict[str, Path]:
    """Name -> file of every contract that can be named: the shipped ones, and those in the folders of FOLDERS."""
    folders = [Path(part) for part in os.environ.get(FOLDERS, "").split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(
                expected=f"folders in the environment variable {FOLDERS}",
                got=f"no folder {folder}",
                fix="give absolute paths, with a colon between them",
            )
    return {path.stem: path for folder in (*reversed(folders), FOLDER) for path in sorted(folder.glob("*.yaml"))}


def _named(name: str) -> Path:
    known = _known()
    if name not in known:
        raise unknown_name("an embodiment", name, known)
    return known[name]


def _content(path: Path) -> Any:
    """What a file says, laid over what it extends."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SetupError(expected=f"YAML in {path}", got=str(error).splitlines()[0], fix="mend the file") from None
    if not isinstance(content, dict) or EXTENDS not in content:
        return content
    base = yaml.safe_load(_named(str(content.pop(EXTENDS))).read_text())
    if EXTENDS in base:
        raise SetupError(
            expected=f"a contract in {path} that extends a whole one",
            got=f"{base['name']}, no whole one",
            fix=f"extend {base[EXTENDS]}",
        )
    return _laid_over(base, content)


def _laid_over(base: dict, changes: dict) -> dict:
    """`base` with `changes`, key by key down to the values."""
    return base | {
        key: _laid_over(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in changes.items()
    }


def load_embodiment(name_or_path: str | Path = DEFAULT) -> Embodiment:
    """The contract of that name, or the YAML file at that path, checked.

    A file may begin with `extends: NAME` of a whole contract, and then needs only what it adds or changes.

    Raises:
        SetupError: no such contract, not YAML, an unknown or missing key, a bad range, a joint or a frame that the
            URDF lacks or has otherwise; the message names the key.
    """
    path = Path(name_or_path)
    named = path.suffix not in (".yaml", ".yml")
    if named:
        path = _named(str(name_or_path))
    if not path.exists():
        raise SetupError(expected="an embodiment file", got=f"no file {path}", fix="check the path")
    try:
        embodiment = Embodiment.model_validate(_content(path)).found_in(path.resolve().parent)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "contract"
        raise SetupError(
            expected=f"a valid contract in {path}",
            got=f"{where}: {first['msg']}",
            fix="see gato_ros/embodiments/sawyer_rgb_stacking.yaml",
        ) from None
    if named and embodiment.name != path.stem:  # recordings hold the name, and find the file by it
        raise SetupError(expected=f"name: {path.stem} in {path}", got=embodiment.name, fix="give both one name")
    for key, channel in embodiment.observations.items():
        if getattr(channel, "source", None) == GROUND_TRUTH:
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
    return embodiment
