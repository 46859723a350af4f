"""A contract of an older schema in the newest: what it implied is stated. Nothing else changes, and no digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.embodiments.versions.implied import (
    NEWER_OF_AN_ACTION,
    NEWEST,
    STATE,
    STATES,
    implied_of_action,
    implied_of_channel,
    newer_keys,
)
from gato_ros.embodiments.yaml_file import YamlFile, shown

KNOWN = (1, NEWEST)


def upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a contract in the newest schema; one that is of it already, or of none, stays as it is.

    But for the parts `twist` and `gripper` of an action without a kind: schema 2 had them so before there were others.
    """
    made = dict(content)
    if isinstance(parts := content.get("actions"), dict):
        made["actions"] = {
            key: {**part, **implied_of_action(key)} if _as_before(part) else part for key, part in parts.items()
        }
    if content.get("schema") != 1:
        return made
    made["schema"] = NEWEST
    if isinstance(channels := content.get("observations"), dict):
        made["observations"] = {
            key: {**channel, **implied_of_channel(channel)} if isinstance(channel, dict) else channel
            for key, channel in channels.items()
        }
    if isinstance(wire := content.get("wire"), dict):
        stated = {name: {**wire[name], **STATE} for name in STATES if isinstance(wire.get(name), dict)}
        made["wire"] = {**wire, **stated}
    return made


def _as_before(part: Any) -> bool:
    return isinstance(part, dict) and not NEWER_OF_AN_ACTION & part.keys()


def upgraded_file(file: YamlFile) -> YamlFile:
    """A contract's file in the newest schema, each value at its old place.

    Raises:
        SetupError: a schema that there is not, or a key that its schema does not have yet.
    """
    schema = file.content.get("schema", NEWEST)  # a missing one is said with the other missing keys
    if schema not in KNOWN or isinstance(schema, bool):
        raise SetupError(
            expected=f"schema: {' or '.join(map(str, KNOWN))} in {file.path}",
            got=f"schema: {schema!r}, {file.where('schema')}",
            fix="a newer contract needs a newer gato_ros" if isinstance(schema, int) else "write a whole number",
        )
    if schema == 1 and (found := newer_keys(file.content)):
        raise SetupError(
            expected=f"keys of schema 1 in {file.path}",
            got=f"{shown(found[0])}, {file.where(*found[0])}, which is a key of schema {NEWEST}",
            fix=f"`python -m gato_ros contract {file.path} --upgrade` prints your contract in schema {NEWEST} "
            "once that key is taken out; add it there",
        )
    return YamlFile(file.path, upgraded(file.content), file.places)
