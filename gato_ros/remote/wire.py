"""A message between policy and server: a JSON header, then the bytes of its arrays. Nothing in it can run.

    length of the header (uint32, little endian) | header | padding | array | padding | array | padding ...

The header names the arrays with type and shape; each begins at a multiple of eight bytes.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

WIRE_VERSION = 1
"""Another one is another language."""
LARGEST_BYTES = 64 * 2**20
"""Of a message: a prompt of a long window, with its pictures."""
_TYPES = {np.dtype(kind).str: np.dtype(kind) for kind in ("u1", "?", "<i4", "<i8", "<f4", "<f8")}
_ARRAYS = "arrays"
_LENGTH = struct.Struct("<I")
_STEP = 8


class WireError(ValueError):
    """Bytes that are no message."""


class Message(NamedTuple):
    """What was sent."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    """Read-only views of what was received."""


def encode(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """The bytes of a message; ValueError for what JSON cannot say, or for an array of another type than the wire's.

    Args:
        header: plain values; numbers are finite.
        arrays: name -> unsigned bytes, booleans, int32, int64, float32 or float64 of any shape, NaN included.
    """
    given = {name: np.ascontiguousarray(value) for name, value in (arrays or {}).items()}
    for name, value in given.items():
        if value.dtype.str not in _TYPES:
            raise ValueError(f"{name} is of type {value.dtype}, which the wire does not have")
    # ascontiguousarray gives a single number a dimension.
    shapes = [[name, value.dtype.str, list(np.shape((arrays or {})[name]))] for name, value in given.items()]
    text = json.dumps({**header, _ARRAYS: shapes}, separators=(",", ":"), allow_nan=False).encode()
    parts = [_LENGTH.pack(len(text)), text, _padding(_LENGTH.size + len(text))]
    for value in given.values():
        parts += [value.data if value.size else b"", _padding(value.nbytes)]
    return b"".join(parts)


def _padding(size: int) -> bytes:
    return bytes(-size % _STEP)


def decode(data: bytes) -> Message:
    """Inverse of `encode`; WireError for anything else."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
        shapes, arrays, at = header.pop(_ARRAYS), {}, _LENGTH.size + length
        at += -at % _STEP
        for name, kind, shape in shapes:
            dtype, size = _TYPES[kind], math.prod(shape)
            if not isinstance(name, str) or any(type(side) is not int or side < 0 for side in shape):
                raise ValueError(f"the shape {shape} of {name}")
            # Without numbers there is nothing to read, which frombuffer refuses.
            arrays[name] = (np.frombuffer(data, dtype, size, at) if size else np.zeros(0, dtype)).reshape(shape)
            at += arrays[name].nbytes
            at += -at % _STEP
        if at != len(data):
            raise ValueError(f"{len(data)} bytes where the header describes {at}")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, struct.error) as error:
        raise WireError(f"no message of a policy server: {str(error)[:200] or type(error).__name__}") from None
    return Message(header, arrays)
