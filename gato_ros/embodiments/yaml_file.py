"""One strict reader for every YAML file that a user writes: nothing in it may be lost, or mean two things."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gato_ros.core.errors import SetupError

LARGEST_BYTES = 1 << 20
WIDTH = 120
"""Longest line that is written, in characters, where a line can be broken."""
Keys = tuple[Any, ...]
"""The way to a value: keys of mappings, positions in lists."""

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# What parsers of YAML disagree about, ROS's own among them.
TWO_MEANINGS = re.compile(
    r"yes|no|on|off|y|n|[-+]?(inf|infinity|nan)"
    r"|[-+]?0[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?|[-+]?0[xob][0-9a-f].*"
    r"|[-+]?[0-9][0-9.]*_[0-9._]*(e[-+]?[0-9]+)?|[-+]?[0-9]+(:[0-9]+)+(\.[0-9]*)?",
    re.IGNORECASE,
)
MEANING = {"true": True, "false": False, "null": None, "~": None}
WORDS = {case(word): value for word, value in MEANING.items() for case in (str.lower, str.capitalize, str.upper)}


@dataclass(frozen=True)
class Place:
    """Where something is written."""

    file: Path
    line: int
    """The first is 1."""


@dataclass(frozen=True)
class YamlFile:
    """What a file says, and where it says it."""

    path: Path
    content: dict[str, Any]
    """Keys are text; values are texts, numbers, true, false, null, lists and mappings."""
    places: Mapping[Keys, Place]
    """Of every key and every entry of a list."""

    def where(self, *keys: Any) -> str:
        """`line 7`, or `line 7 of base.yaml` in another file; of the nearest section where that itself is not there."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        if not keys:
            return "line 1"
        place = self.places[keys]
        return f"line {place.line}" + ("" if place.file == self.path else f" of {place.file.name}")


class _Refused(Exception):
    def __init__(self, line: int | None, got: str, fix: str):
        super().__init__(got)
        self.got, self.fix = got if line is None else f"{got}, line {line}", fix


class _Composer(yaml.SafeLoader):
    """Nodes only: what a plain word means is decided below."""

    takes_anchors = False
    """Whether a file of another project may use them."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if not self.takes_anchors and (isinstance(event, yaml.AliasEvent) or event.anchor):
            mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise _Refused(_line(event), f"an anchor or alias, {mark}{event.anchor}", "write the value itself")
        if getattr(event, "tag", None):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise _Refused(_line(event), f"a tag, {tag}", "write the value without it")
        return super().compose_node(parent, index)

    def document(self) -> yaml.Node | None:
        """The one document; None where the file is empty."""
        self.get_event()
        if self.check_event(yaml.StreamEndEvent):
            return None
        node = self.compose_document()
        if not self.check_event(yaml.StreamEndEvent):
            raise _Refused(_line(self.peek_event()), "the beginning of a second document", "keep one to a file")
        return node


class _Writer(yaml.SafeDumper):
    """Quotes every word that this reader would not take for text."""

    def text(self, word: str) -> yaml.Node:
        plain = not (
            TWO_MEANINGS.fullmatch(word) or NUMBER.fullmatch(word) or NOT_FINITE.fullmatch(word) or word in WORDS
        )
        return self.represent_scalar("tag:yaml.org,2002:str", word, style=None if plain else '"')


_Writer.add_representer(str, _Writer.text)


def read_yaml(path: Path, what: str, example: str, *, may_be_empty: bool = False, anchors: bool = False) -> YamlFile:
    """What the file at `path` says.

    Args:
        what: what the file holds, for the error.
        example: a file that is right, for the error.
        anchors: take anchors and aliases, of a file that was not written for us.

    Raises:
        SetupError: one line with file, key and line: not there, not UTF-8, not YAML, no mapping, a key twice, a key
            that is no text, a tab, an anchor, an alias, a merge key, a tag, a second document, nothing after a key,
            or a word that YAML reads in two ways (`yes`, `010`, `1:30`, `1_000`).
    """
    expected = f"{what}, as YAML, in {path}"
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SetupError(expected=expected, got=f"no UTF-8 text, line {line}", fix="save it as UTF-8") from None
    except FileNotFoundError as error:
        raise SetupError(expected=expected, got=f"no file {path} ({error.strerror})", fix="check the path") from None
    except (OSError, ValueError) as error:
        raise SetupError(expected=expected, got=str(error), fix="check the path") from None
    if len(data) > LARGEST_BYTES:
        raise SetupError(expected=expected, got=f"more than {LARGEST_BYTES} bytes", fix="check the path")
    places: dict[Keys, Place] = {}
    try:
        composer = _Composer(text)
        composer.takes_anchors = anchors
        node = composer.document()
        if node is None and may_be_empty:
            return YamlFile(path, {}, {})
        content = None if node is None else _value(node, (), path, places)
    except _Refused as refused:
        raise SetupError(expected=expected, got=refused.got, fix=refused.fix) from None
    except yaml.YAMLError as error:
        got, fix = _fault(error, text)
        raise SetupError(expected=expected, got=got, fix=fix) from None
    except RecursionError:
        raise SetupError(expected=expected, got="sections in sections without end", fix=f"see {example}") from None
    if not isinstance(content, dict):
        raise SetupError(expected=expected, got=_kind(content), fix=f"write `key: value`, see {example}")
    return YamlFile(path, content, places)


def yaml_of(content: dict[str, Any]) -> str:
    """The text of a file that `read_yaml` reads as `content`, in its order; lists of values stay on one line."""
    return yaml.dump(content, Dumper=_Writer, sort_keys=False, default_flow_style=None, width=WIDTH, allow_unicode=True)


def shown(keys: Keys) -> str:
    """`limits.linear_speed_m_s`, on one line whatever the keys hold."""
    return ".".join(str(key) if str(key).isprintable() else repr(key) for key in keys)


def _line(event: yaml.Event | yaml.Node) -> int:
    return event.start_mark.line + 1


def _kind(content: Any) -> str:
    kinds = {type(None): "nothing", list: "a list", str: "a text"}
    return f"{kinds.get(type(content), 'a single value')} and no mapping at its top"


def _value(node: yaml.Node, keys: Keys, path: Path, places: dict[Keys, Place]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, keys, path, places)
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            places[(*keys, i)] = Place(path, _line(item))
        return [_value(item, (*keys, i), path, places) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)  # YAML has no fourth kind
    return _scalar(node, f"{shown(keys)}: " if keys else "")


def _mapping(node: yaml.MappingNode, keys: Keys, path: Path, places: dict[Keys, Place]) -> dict[str, Any]:
    section = f" in {shown(keys)}" if keys else ""
    for key, _ in node.value:
        name = _key(key, section)
        if (before := places.get((*keys, name))) is not None:
            got = f"the key {shown((name,))} twice{section}, in lines {before.line} and {_line(key)}"
            raise _Refused(None, got, "YAML keeps only the last: make one of the two")
        places[(*keys, name)] = Place(path, _line(key))
    return {key.value: _value(value, (*keys, key.value), path, places) for key, value in node.value}


def _key(node: yaml.Node, section: str) -> str:
    if isinstance(node, yaml.ScalarNode):
        if node.style is None and node.value == "<<":
            raise _Refused(_line(node), f"a merge key, <<{section}", "write the keys themselves")
        name = _scalar(node, f"a key{section}: ")
        if isinstance(name, str):
            return name
        got = node.value
    else:
        got = "a list or mapping"
    raise _Refused(_line(node), f"the key {got}{section}, which is no text", "write a name; put a number in quotes")


def _scalar(node: yaml.ScalarNode, what: str) -> Any:
    """What one word means: as the core schema of YAML 1.2 has it, where YAML 1.1 and ROS agree."""
    text, line = node.value, _line(node)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _Refused(line, f"{what}half of a character", "write the character itself") from None
    if node.style is not None:
        return text
    if not text:
        fix = 'write the value, or take the key out (text that is empty is "", a list [])'
        raise _Refused(line, f"{what}nothing", fix)
    if text in WORDS:
        return WORDS[text]
    if TWO_MEANINGS.fullmatch(text):
        fix = "write true or false, or a decimal number; text goes in quotes"
        raise _Refused(line, f"{what}{text}, which YAML reads in two ways", fix)
    if NUMBER.fullmatch(text) and len(text) > 60:
        raise _Refused(line, f"{what}a number of {len(text)} digits", "write fewer")
    if INTEGER.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text):
        return float(text)
    if NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _fault(error: yaml.YAMLError, text: str) -> tuple[str, str]:
    """What is wrong with text that is no YAML, with its line; and what to do."""
    if not isinstance(error, yaml.MarkedYAMLError):
        position = getattr(error, "position", 0)
        line = text[:position].count("\n") + 1
        return f"a character that may not be there, {text[position : position + 1]!r}, line {line}", "take it out"
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return str(error.problem), "mend the file"
    lines = text.splitlines()
    before = lines[mark.line][: mark.column + 1] if mark.line < len(lines) else ""
    where = f"line {mark.line + 1}, column {mark.column + 1}"
    if "\t" in before:
        return f"a tab, {where}", "use spaces"
    began = error.context_mark
    since = f", {error.context} that begins in line {began.line + 1}" if error.context and began else ""
    return f"{error.problem}, {where}{since}", "mend the file"
