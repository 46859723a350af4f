"""Parameters checked by name and range, and their files before ROS reads them: its parser drops some without a word."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.yaml_file import YamlFile, read_yaml

Parameters = TypeVar("Parameters")

ROS_OWN = ("use_sim_time", "start_type_description_service")
"""Names that ROS itself puts among a node's parameters."""
WHAT = "sections of nodes in a parameter file"
EXAMPLE = "launch/params/loop.yaml"
SETTINGS = "ros__parameters"
ANY_NAMESPACE = "/**"
ALL_NODES = "**"
LIKE = 0.85
"""A section whose name is so much like a node's is taken for a misspelt one."""


def resolve(kind: type[Parameters], given: Mapping[str, Any], node: str) -> Parameters:
    """`kind` with the values given by name, checked.

    Raises:
        SetupError: an unknown name, a wrong type, a value out of range or not finite.
    """
    fields = {item.name: item for item in dataclasses.fields(kind)}
    for name in given:
        if name not in fields:
            raise unknown_name(f"a parameter of {node}", name, fields)
    return kind(**{name: _checked(fields[name], value, node) for name, value in given.items()})


def _checked(item: dataclasses.Field, value: Any, node: str) -> Any:
    wanted = type(item.default)
    if wanted is float and type(value) is int:
        value = float(value)
    lower, upper = item.metadata["lower"], item.metadata["upper"]
    span = "" if lower is None else f" in [{lower:g}, {upper:g}]"
    # bool is an int in Python, not in YAML.
    right = type(value) is wanted and not (wanted is float and not math.isfinite(value))
    if not right or (lower is not None and not lower <= value <= upper):
        raise SetupError(
            expected=f"{node} parameter {item.name}: {wanted.__name__}{span}",
            got=repr(value),
            fix=item.metadata["description"],
        )
    return value


def check_parameter_file(
    path: Path,
    nodes: Mapping[str, type],
    namespace: str | None = None,
    started: Sequence[str] = (),
    strict: bool = True,
) -> None:
    """Refuse a ROS parameter file that names an unknown node or parameter, holds a bad value, or would lose one.

    ROS drops a section whose node never starts without a word, and of a parameter that is set twice it keeps the one
    further down: a default, or another's value, would silently be in force. Sections may be `/**`, `node`, `/**/node`
    or `/namespace/node`.

    Args:
        nodes: name -> parameters of all that may have a section.
        namespace: of the nodes that are `started`; of those with sections one has to apply to each. None: unknown.
        strict: false where other programs' nodes may have sections too.

    Raises:
        SetupError: one line that names file, section, parameter and line.
    """
    file = read_yaml(path, WHAT, EXAMPLE, may_be_empty=True)
    sections = [section for section in file.content if _is_ours(file, section, nodes, strict)]
    for section in sections:
        _check_section(file, section, nodes)
    for name in nodes:
        _check_once(file, [section for section in sections if _name(section) in (name, ALL_NODES)])
    if namespace is not None:
        for name in started:
            _check_applies(file, [section for section in sections if _name(section) == name], name, namespace)


def values_in_file(path: Path, node: str, namespace: str) -> dict[str, tuple[Any, str]]:
    """Parameter -> value, and its line, that a checked file gives the node of that name in that namespace."""
    file = read_yaml(path, WHAT, EXAMPLE, may_be_empty=True)
    full = f"/{namespace.strip('/')}/{node}"
    sections = [
        section
        for section in file.content
        if _name(section) in (node, ALL_NODES) and ("*" in section or _absolute(section) == full)
    ]
    return {
        key: (value, file.where(section, SETTINGS, key))
        for section in sections
        for key, value in _settings(file, section).items()
    }


def check_handed_files(arguments: Sequence[str], name: str, kind: type) -> None:
    """The parameter files on a node's own command line: what they say of this node.

    Raises:
        SetupError: as `check_parameter_file`.
    """
    named = [value for flag, value in zip(arguments, arguments[1:]) if flag == "--params-file"]
    named += [part.partition("=")[2] for part in arguments if part.startswith("--params-file=")]
    namespaces = [part.partition(":=")[2] for part in arguments if part.startswith("__ns:=")]
    renamed = any(part.startswith(("__node:=", "__name:=")) and part.partition(":=")[2] != name for part in arguments)
    for path in named:
        started = () if renamed else (name,)
        check_parameter_file(Path(path), {name: kind}, (namespaces or ["/"])[-1], started, strict=False)


def _name(section: str) -> str:
    return section.rsplit("/", 1)[-1]


def _is_ours(file: YamlFile, section: str, nodes: Mapping[str, type], strict: bool) -> bool:
    name = _name(section)
    if name in nodes or name == ALL_NODES:
        return True
    if strict or difflib.get_close_matches(name, nodes, n=1, cutoff=LIKE):
        raise unknown_name(f"a node in {file.path}, {file.where(section)},", name, nodes)
    return False


def _check_section(file: YamlFile, section: str, nodes: Mapping[str, type]) -> None:
    name, values = _name(section), _settings(file, section)
    for key, value in values.items():
        where = f"{file.path}, {file.where(section, SETTINGS, key)},"
        if key in ROS_OWN:
            if not isinstance(value, bool):
                raise SetupError(expected=f"{key} in {where} true or false", got=repr(value), fix="write one of them")
            continue
        if key.split(".")[0] == "qos_overrides":
            continue
        for kind_name, kind in nodes.items():
            if name in (kind_name, ALL_NODES):
                resolve(kind, {key: value}, f"{kind_name} in {where}")


def _settings(file: YamlFile, section: str) -> dict[str, Any]:
    body = file.content[section]
    values = body.get(SETTINGS) if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(values, dict):
        raise SetupError(
            expected=f"`{SETTINGS}` and nothing else under {section} in {file.path}, {file.where(section)}",
            got=repr(body),
            fix=f"see {EXAMPLE}",
        )
    return values


def _check_once(file: YamlFile, sections: Sequence[str]) -> None:
    """No parameter of a node in two sections that may both be its own."""
    for i, section in enumerate(sections):
        for other in sections[:i]:
            both = [key for key in _settings(file, other) if key in _settings(file, section)]
            if both and _overlap(section, other):
                lines = f"{file.where(other, SETTINGS, both[0])} and {file.where(section, SETTINGS, both[0])}"
                raise SetupError(
                    expected=f"{both[0]} of one node once in {file.path}",
                    got=f"it under {other} and under {section}, {lines}",
                    fix="ROS keeps the one further down: make one of the two, or name both namespaces",
                )


def _overlap(one: str, other: str) -> bool:
    """Whether one node may be meant by both: of the same namespace, or of any."""
    first, second = (_absolute(section).rpartition("/")[0] for section in (one, other))
    return first == second or "*" in one + other


def _absolute(section: str) -> str:
    return section if section.startswith("/") else f"/{section}"


def _check_applies(file: YamlFile, sections: Sequence[str], name: str, namespace: str) -> None:
    full = f"/{namespace.strip('/')}/{name}".replace("//", "/")
    if sections and not any("*" in section or _absolute(section) == full for section in sections):
        raise SetupError(
            expected=f"a section of {full} in {file.path}",
            got=f"{sections[0]}, {file.where(sections[0])}, which is another node",
            fix=f"write {ANY_NAMESPACE}/{name} or {full}",
        )
