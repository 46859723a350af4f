"""A file of a user against the model of what it may hold: one line, with the key and where it is written."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments.base_model import Misfit
from gato_ros.embodiments.yaml_file import Keys, YamlFile, shown

Model = TypeVar("Model", bound=BaseModel)


def validated(kind: type[Model], file: YamlFile, what: str, example: str, also: tuple[str, ...] = ()) -> Model:
    """What `file` says as a `kind`.

    Args:
        what: what the file holds, for the error.
        also: keys that may stand at its top and are gone from the content, for the error.
        example: a file that is right, for the error.

    Raises:
        SetupError: an unknown or missing key, or a bad value, with its line.
    """
    try:
        # By way of JSON: there alone strict means that a number is no text and no truth, and yet a list is a tuple.
        return kind.model_validate_json(json.dumps(file.content), strict=True)
    except ValidationError as error:
        found = error.errors()
        # A key that is misspelt is also missing under its right name: the first says more.
        first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
        refusal = _refusal(kind, file, first, what, example, also)
        if len(found) > 1:
            refusal = SetupError(
                expected=refusal.expected, got=f"{refusal.got} (and {len(found) - 1} more)", fix=refusal.fix
            )
        raise refusal from None


def _refusal(
    kind: type[BaseModel], file: YamlFile, error: Any, what: str, example: str, also: tuple[str, ...]
) -> SetupError:
    keys = _in_the_file(error["loc"], file.content)
    if error["type"] == "extra_forbidden":
        return _unknown_key(kind, file, keys, also)
    if error["type"] == "missing":
        section = shown(keys[:-1]) or "the top"
        return SetupError(
            expected=f"{shown(keys)} in {file.path}",
            got="no such key",
            fix=f"add it to {section}, {file.where(*keys[:-1])}; see {example}",
        )
    wrong, places = error["msg"].replace("Input should", "it should"), [keys]
    if isinstance(misfit := error.get("ctx", {}).get("error"), Misfit):
        wrong, places = str(misfit), [(*keys, *at) for at in misfit.at] or [keys]
    elif error["type"] == "union_tag_invalid":
        wrong = f"the kind {error['ctx']['tag']} is none of {error['ctx']['expected_tags']}"
    elif not error["type"].startswith("too_"):
        wrong += f", not {_short(error['input'])}"
    where = " and ".join(f"{shown(place) or 'the whole'}, {file.where(*place)}" for place in places)
    near = _nearest(error)
    return SetupError(
        expected=f"{what} in {file.path}",
        got=f"{where}: {wrong}",
        fix=f"did you mean {near!r}?" if near else f"see {example}",
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _nearest(error: Any) -> str | None:
    """The nearest right word, where only some are."""
    choices = error.get("ctx", {}).get("expected") or error.get("ctx", {}).get("expected_tags") or ""
    got = error.get("ctx", {}).get("tag", error["input"])
    near = difflib.get_close_matches(str(got), re.findall("'([^']*)'", str(choices)), n=1)
    return near[0] if near else None


def _in_the_file(location: Keys, content: Any) -> Keys:
    """pydantic's way to a value without what is not in the file: the kind of a union, the mark of a key."""
    keys = []
    for i, part in enumerate(location):
        inside = part in content if isinstance(content, dict) else isinstance(content, list) and isinstance(part, int)
        if inside:
            keys.append(part)
            content = content[part] if isinstance(content, dict) or part < len(content) else None
        elif i == len(location) - 1 and part != "[key]" and not _is_kind_of(content, part):
            keys.append(part)  # what is missing
    return tuple(keys)


def _is_kind_of(content: Any, part: Any) -> bool:
    """Whether that is the mark of a union, which stands for the whole section."""
    return isinstance(content, dict) and content.get("kind") == part


def _unknown_key(kind: type[BaseModel], file: YamlFile, keys: Keys, also: tuple[str, ...]) -> SetupError:
    section, key = keys[:-1], keys[-1]
    known = [*_known(_model_at(kind, file.content, section)), *(() if section else also)]
    where = f"{file.where(*keys)} of {file.path}"
    near = unknown_name(f"a key of {shown(section) or 'the top'}", str(key), known)
    # The very word in another section says more than one that is like it in this.
    homes = sorted(home for home, names in _sections(kind) if key in names)
    fix = f"it belongs to {' or '.join(home or 'the top' for home in homes)}" if homes else near.fix
    return SetupError(expected=near.expected, got=f"{shown(keys)}, {where}", fix=fix)


def _known(kind: type[BaseModel] | None) -> list[str]:
    return [] if kind is None else [field.alias or name for name, field in kind.model_fields.items()]


def _model_at(kind: Any, content: Any, keys: Keys) -> type[BaseModel] | None:
    """The model of the section at `keys`."""
    models = [one for one in _alternatives(kind) if isinstance(one, type) and issubclass(one, BaseModel)]
    if models and isinstance(content, dict):
        model = next((one for one in models if _is_kind(one, content)), models[0])
        if not keys:
            return model
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        return _model_at(fields.get(keys[0]), content.get(keys[0]), keys[1:])
    for one in _alternatives(kind):
        if keys and get_origin(one) in (dict, list, tuple) and isinstance(content, (dict, list)):
            return _model_at(get_args(one)[-1], content[keys[0]], keys[1:])
    return None


def _alternatives(kind: Any) -> list[Any]:
    """What an annotation allows, without its marks."""
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [part for one in get_args(kind) for part in _alternatives(one)]
    return [kind]


def _is_kind(model: type[BaseModel], content: dict) -> bool:
    """Whether a section names this model by its `kind`."""
    field = model.model_fields.get("kind")
    return (
        field is not None
        and get_origin(field.annotation) is Literal
        and content.get("kind") in get_args(field.annotation)
    )


def _sections(kind: Any, home: str = "") -> Iterator[tuple[str, list[str]]]:
    """Every section of a model, `guard.clearance`, and the keys that it knows."""
    for one in _alternatives(kind):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield home, _known(one)
            for name, field in one.model_fields.items():
                yield from _sections(field.annotation, f"{home}.{name}".lstrip("."))
        elif get_origin(one) in (dict, list, tuple):
            yield from _sections(get_args(one)[-1], f"{home}.NAME".lstrip("."))
