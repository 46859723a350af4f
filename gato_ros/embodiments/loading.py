"""A contract from its YAML file, laid over the one that it extends, and checked against its URDF."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.contract import FOLDER, GROUND_TRUTH, Embodiment

DEFAULT = "sawyer_rgb_stacking"
"""The contract where none is named."""
EXTENDS = "extends"
"""The key with which a contract names the shipped one that it changes."""


def _shipped(name: str) -> Path:
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        raise unknown_name("an embodiment", name, [other.stem for other in FOLDER.glob("*.yaml")])
    return path


def _content(path: Path) -> Any:
    """What a file says, laid over what it extends."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SetupError(expected=f"YAML in {path}", got=str(error).splitlines()[0], fix="mend the file") from None
    if not isinstance(content, dict) or EXTENDS not in content:
        return content
    base = yaml.safe_load(_shipped(str(content.pop(EXTENDS))).read_text())
    if EXTENDS in base:
        raise SetupError(expected=f"a contract in {path} that extends a whole one", got=f"{base['name']}, no whole one",
                         fix=f"extend {base[EXTENDS]}")
    return _laid_over(base, content)


def _laid_over(base: dict, changes: dict) -> dict:
    """`base` with `changes`, key by key down to the values."""
    return base | {key: _laid_over(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict)
                   else value for key, value in changes.items()}


def load_embodiment(name_or_path: str | Path = DEFAULT) -> Embodiment:
    """The contract shipped under that name, or the YAML file at that path, checked.

    A file may begin with `extends: NAME` of a shipped contract, and then needs only what it adds or changes.

    Raises:
        SetupError: no such contract, not YAML, an unknown or missing key, a bad range, a joint that the
            URDF lacks; the message names the key.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = _shipped(str(name_or_path))
    if not path.exists():
        raise SetupError(expected="an embodiment file", got=f"no file {path}", fix="check the path")
    try:
        embodiment = Embodiment.model_validate(_content(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "contract"
        raise SetupError(
            expected=f"a valid contract in {path}",
            got=f"{where}: {first['msg']}",
            fix="see gato_ros/embodiments/sawyer_rgb_stacking.yaml",
        ) from None
    for key, channel in embodiment.observations.items():
        if getattr(channel, "source", None) == GROUND_TRUTH:
            raise SetupError(expected=f"a sensor as the source of {key} in {path}", got=GROUND_TRUTH,
                             fix="a robot has no ground truth; controls add it with with_privileged()")
    if not embodiment.urdf_path.exists():
        raise SetupError(
            expected=f"a URDF beside the contract in {path}", got=f"no file {embodiment.urdf_path}", fix="check `urdf`"
        )
    urdf_joints = [j.get("name") for j in ElementTree.parse(embodiment.urdf_path).getroot().iter("joint")]
    for joint in [*embodiment.arm.joints, *embodiment.arm.position_overrides_rad]:
        if joint not in urdf_joints:
            raise unknown_name(f"a joint of {embodiment.urdf}", joint, urdf_joints)
    geometry = embodiment.guard.clearance
    links = [link.get("name") for link in ElementTree.parse(embodiment.urdf_path).getroot().iter("link")]
    for capsule in geometry.capsules.values() if geometry else ():
        if capsule.frame not in links:
            raise unknown_name(f"a link of {embodiment.urdf}", capsule.frame, links)
    return embodiment
