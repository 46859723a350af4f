"""A contract laid over the one that it extends: what it writes counts, and what it does not write stays."""

from __future__ import annotations

from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.embodiments.yaml_file import Keys, Place, YamlFile, shown

KEPT = (("guard", "clearance", "above_table"), ("guard", "clearance", "apart"))
"""Lists of which every entry keeps something apart: one that is left out would be a limit that is lost."""
BY_JOINT = (("arm", "posture_rad"), ("guard", "joint_acceleration_rad_s2"))
"""Lists in the order of arm.joints: with other joints the old values would belong to the wrong ones."""
JOINTS = ("arm", "joints")


def laid_over(base: YamlFile, changes: YamlFile) -> YamlFile:
    """`base` with `changes`, key by key down to the values; a list takes the place of a whole list."""
    places = dict(base.places)
    content = _laid_over(base.content, changes.content, (), places)
    return YamlFile(changes.path, content, {**places, **changes.places})


def _laid_over(base: dict, changes: dict, keys: Keys, places: dict[Keys, Place]) -> dict:
    content = dict(base)
    for key, value in changes.items():
        here = (*keys, key)
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            content[key] = _laid_over(base[key], value, here, places)
        else:
            content[key] = value
            for old in [old for old in places if old[: len(here)] == here]:
                del places[old]
    return content


def check_nothing_dropped(base: YamlFile, changes: YamlFile) -> None:
    """SetupError where `changes` would lose a limit of `base` without a word."""
    for keys in KEPT:
        before, now = _at(base, keys), _at(changes, keys)
        if not isinstance(before, list) or not isinstance(now, list):
            continue
        entries = [_entry(one) for one in now]
        if lost := [one for one in before if _entry(one) not in entries]:
            raise SetupError(
                expected=f"all of {base.path.stem} in {shown(keys)} of {changes.path}",
                got=f"{changes.where(*keys)}, without {lost[0]}",
                fix="write it as well, for a list takes the place of the whole list; only a whole contract, "
                "without `extends`, may leave it out",
            )
    if _at(changes, JOINTS) is None or _at(changes, JOINTS) == _at(base, JOINTS):
        return
    for keys in BY_JOINT:
        if _at(changes, keys) is None:
            raise SetupError(
                expected=f"{shown(keys)} in {changes.path}, which has joints of its own",
                got=f"{shown(JOINTS)}, {changes.where(*JOINTS)}, without it",
                fix=f"write it in the order of these joints; that of {base.path.stem} belongs to others",
            )


def _entry(one: Any) -> Any:
    """Two names that stay apart do so in either order."""
    return sorted(map(str, one)) if isinstance(one, list) else one


def _at(file: YamlFile, keys: Keys) -> Any:
    value: Any = file.content
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
