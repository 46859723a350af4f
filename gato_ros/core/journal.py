"""Every call of an object and what came of it, written down exactly, so that it can be done again and compared.

Floats come back bit by bit, NaN and infinities included. Only numbers, texts, arrays, and objects of this package's
`core` are written and read: a file cannot name anything else to be made.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

import numpy as np

PACKAGE = "gato_ros.core."
STATE_EVERY = 20
"""Calls between two records of the whole object: where doing it again can begin."""


def encode(value: Any) -> Any:
    """`value` as JSON values.

    Raises:
        TypeError: something in it is not of the kinds named above.
    """
    kind = type(value)
    if value is None or kind in (str, bool, int, float):
        return value
    if kind is np.ndarray and value.dtype.kind in "fiub":
        # Not a list: a guard's tick holds 70 numbers, and to spell them costs three times as much.
        return {"array": f"{value.dtype.str} {'x'.join(map(str, value.shape))} {value.tobytes().hex()}"}
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        # Not as a Python number: the two divide by zero differently.
        return {"scalar": f"{value.dtype.str} {value.tobytes().hex()}"}
    if kind in (tuple, list):
        return {kind.__name__: [encode(item) for item in value]}
    if kind is dict:
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if not kind.__module__.startswith(PACKAGE):
        raise TypeError(f"a {kind.__module__}.{kind.__qualname__} cannot be written down")
    name = f"{kind.__module__}:{kind.__qualname__}"
    if isinstance(value, Enum):
        return {"is": name, "value": encode(value.value)}
    return {"is": name, "of": {key: encode(item) for key, item in vars(value).items()}}


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
    kind = getattr(importlib.import_module(module), name)
    if not isinstance(kind, type) or kind.__module__ != module:
        raise ValueError(f"{value['is']} is no class")
    if issubclass(kind, Enum):
        return kind(decode(value["value"]))
    parts = {key: decode(item) for key, item in value["of"].items()}
    if dataclasses.is_dataclass(kind):
        return kind(**parts)
    made = kind.__new__(kind)
    vars(made).update(parts)
    return made


class Journaled:
    """Stands in for `inner`: its calls go through, and are kept until `take` writes them down.

    Writing is left to the caller, who has more urgent things to do first. The arguments must be values that nobody
    changes afterwards. One thread.
    """

    def __init__(self, inner: Any):
        self._inner, self._calls = inner, []
        self._number, self._until_state = 0, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._kept(name, found) if callable(found) else found

    def _kept(self, name: str, method: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            self._calls.append((name, arguments, options, result))
            return result
        return call

    def take(self, wanted: bool = True) -> list[str]:
        """One JSON text for each call since the last `take`, and now and then one of the whole object; never raises.

        Args:
            wanted: False forgets the calls: nobody reads.
        """
        calls, self._calls = self._calls, []
        if not wanted:
            self._until_state = 0  # whoever reads next begins with the whole object
            return []
        texts = []
        for name, arguments, options, result in calls:
            texts.append(self._text(call=name, arguments=arguments, options=options, result=result))
            self._until_state -= 1
        if self._until_state <= 0:
            texts.append(self._text(state=self._inner))
            self._until_state = STATE_EVERY
        return texts

    def _text(self, **parts: Any) -> str:
        self._number += 1
        try:
            return json.dumps({"n": self._number, **{key: encode(part) for key, part in parts.items()}})
        except (TypeError, ValueError, RecursionError) as error:
            # The one who is written about must not fail because of it; whoever reads is told.
            return json.dumps({"n": self._number, "unwritten": str(error)})


@dataclasses.dataclass(frozen=True)
class Repetition:
    """A recorded call, done again."""

    number: int
    """Its number in the journal."""
    call: str
    """The method's name; `state` where the whole object was written down."""
    arguments: tuple
    """As they were given."""
    recorded: Any
    """The result, encoded."""
    repeated: Any
    """The result of doing it again, encoded."""
    judged: bool = True
    """False: nothing is known of the object at that time, so it was not done again."""

    @property
    def equal(self) -> bool:
        """Bit by bit; NaN equals itself."""
        return not self.judged or json.dumps(self.recorded) == json.dumps(self.repeated)


def repeat(texts: Iterable[str]) -> Iterator[Repetition]:
    """Do the calls of a journal again, from its first record of the whole object on.

    After a text that was lost it goes on at the next such record.

    Raises:
        ValueError: not a journal, or one of another version of the package.
    """
    inner, last = None, None
    for text in texts:
        entry = json.loads(text)
        if last is not None and entry["n"] != last + 1:
            inner = None
        last = entry["n"]
        if "unwritten" in entry:
            inner = None
        elif "state" in entry:
            if inner is not None:
                yield Repetition(last, "state", (), entry["state"], encode(inner))
            inner = decode(entry["state"])
        else:
            arguments, recorded = decode(entry["arguments"]), entry["result"]
            if inner is None:
                yield Repetition(last, entry["call"], arguments, recorded, None, judged=False)
                continue
            try:
                result = getattr(inner, entry["call"])(*arguments, **decode(entry["options"]))
            except (AttributeError, TypeError) as error:
                raise ValueError(f"recorded by another version of the package: {error}") from None
            yield Repetition(last, entry["call"], arguments, recorded, encode(result))


def difference(recorded: Any, repeated: Any) -> tuple[str, str, str]:
    """Where two encoded values first differ, and both values there, as texts to read."""
    if isinstance(recorded, dict) and isinstance(repeated, dict) and recorded.keys() == repeated.keys():
        for key in recorded:
            if json.dumps(recorded[key]) != json.dumps(repeated[key]):
                if key in ("array", "scalar"):
                    break
                where, left, right = difference(recorded[key], repeated[key])
                return ".".join(part for part in ("" if key in ("of", "tuple", "list", "dict") else key, where)
                                if part), left, right
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
