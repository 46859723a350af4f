"""Values as JSON and back, exactly: what comes back is equal bit by bit, NaN and infinities included.

Only numbers, texts, arrays, and objects of this package's `core` are written and read: a file cannot name anything
else to be made.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from gato_ros.core.records.recorded_names import present_module, recorded_module

PACKAGE = "gato_ros.core."


def encode(value: Any) -> Any:
    """`value` as JSON values: those of `to_text`.

    Raises:
        TypeError: something in it is not of the kinds named above.
    """
    return json.loads(to_text(value))


def to_text(value: Any) -> str:
    """`value` as JSON, written as it goes: JSON values first and then their text would take half as long again, and a
    guard writes at every step.

    Raises:
        TypeError: something in it is not of the kinds named above.
    """
    kind = type(value)
    if (write := _PLAIN.get(kind)) is not None:
        return write(value)
    if kind is np.ndarray and value.dtype.kind in "fiub":
        # Not a list: a guard's tick holds 70 numbers, and to spell them costs three times as much.
        return f'{{"array": "{value.dtype.str} {"x".join(map(str, value.shape))} {value.tobytes().hex()}"}}'
    if issubclass(kind, np.generic) and value.dtype.kind in "fiub":
        # Not as a Python number: the two divide by zero differently.
        return f'{{"scalar": "{value.dtype.str} {value.tobytes().hex()}"}}'
    if kind in (tuple, list):
        return f'{{"{kind.__name__}": [{", ".join(map(to_text, value))}]}}'
    if kind is dict:
        pairs = ", ".join(f"[{to_text(key)}, {to_text(item)}]" for key, item in value.items())
        return f'{{"dict": [{pairs}]}}'
    name, keys = _named(kind)
    if keys is None:
        return f'{{"is": "{name}", "value": {to_text(value.value)}}}'
    parts = ", ".join(f'"{key}": {to_text(getattr(value, key))}' for key in keys or vars(value))
    return f'{{"is": "{name}", "of": {{{parts}}}}}'


@cache
def _named(kind: type) -> tuple[str, tuple[str, ...] | None]:
    """Its name, and which of its attributes are written: None of an enum, () for whatever an object has."""
    if not kind.__module__.startswith(PACKAGE):
        raise TypeError(f"a {kind.__module__}.{kind.__qualname__} cannot be written down")
    name = f"{recorded_module(kind.__module__)}:{kind.__qualname__}"
    # Of a dataclass its fields only: what else lies in it is not written.
    return name, None if issubclass(kind, Enum) else tuple(getattr(kind, "__dataclass_fields__", ()))


_PLAIN = {
    type(None): lambda value: "null",
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    str: json.encoder.encode_basestring_ascii,
    float: lambda value: float.__repr__(value) if math.isfinite(value) else json.dumps(value),
}
"""How JSON's own values are written, by exactly their types."""


def decode(value: Any) -> Any:
    """Inverse of `encode`.

    Raises:
        ValueError: not what `encode` writes, or an object that this version of the package makes of other parts.
    """
    if not isinstance(value, dict):
        return value
    try:
        return _decode(value)
    except (KeyError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"recorded by another version of the package, or altered: {error}") from None


def _decode(value: dict[str, Any]) -> Any:
    if "array" in value:
        dtype, shape, content = value["array"].split(" ")
        sizes = [int(size) for size in shape.split("x") if size]
        return np.frombuffer(bytes.fromhex(content), np.dtype(dtype)).reshape(sizes).copy()
    if "scalar" in value:
        dtype, content = value["scalar"].split(" ")
        return np.frombuffer(bytes.fromhex(content), np.dtype(dtype))[0]
    if "tuple" in value:
        return tuple(decode(item) for item in value["tuple"])
    if "list" in value:
        return [decode(item) for item in value["list"]]
    if "dict" in value:
        return {decode(key): decode(item) for key, item in value["dict"]}
    module, name = value["is"].split(":")
    if not module.startswith(PACKAGE) or "." in name:
        raise ValueError(f"{value['is']} is no part of {PACKAGE[:-1]}")
    module = present_module(module)
    kind = getattr(importlib.import_module(module), name)
    if not isinstance(kind, type) or kind.__module__ != module:
        raise ValueError(f"{value['is']} is no class")
    if issubclass(kind, Enum):
        return kind(decode(value["value"]))
    parts = {key: decode(item) for key, item in value["of"].items()}
    if not dataclasses.is_dataclass(kind):
        made = object.__new__(kind)
        vars(made).update(parts)
        return made
    given = {item.name for item in dataclasses.fields(kind) if item.init}
    made = kind(**{key: part for key, part in parts.items() if key in given})
    for key in parts.keys() - given:
        if key not in kind.__dataclass_fields__:
            raise TypeError(f"{value['is']} has no {key}")
        object.__setattr__(made, key, parts[key])
    return made


def difference(recorded: Any, repeated: Any) -> tuple[str, str, str]:
    """Where two encoded values first differ, and both values there, as texts to read."""
    if isinstance(recorded, dict) and isinstance(repeated, dict) and recorded.keys() == repeated.keys():
        for key in recorded:
            if json.dumps(recorded[key]) != json.dumps(repeated[key]):
                if key in ("array", "scalar"):
                    break
                where, left, right = difference(recorded[key], repeated[key])
                return (
                    ".".join(part for part in ("" if key in ("of", "tuple", "list", "dict") else key, where) if part),
                    left,
                    right,
                )
    elif isinstance(recorded, list) and isinstance(repeated, list) and len(recorded) == len(repeated):
        for i, (left, right) in enumerate(zip(recorded, repeated)):
            if json.dumps(left) != json.dumps(right):
                where, left, right = difference(left, right)
                return ".".join(part for part in (str(i), where) if part), left, right
    return "", _shown(recorded), _shown(repeated)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and ("array" in value or "scalar" in value):
        return np.array2string(np.asarray(decode(value)), precision=17, max_line_width=10**6)
    return json.dumps(value)
