"""A demonstration as the bytes of one record, and back.

A record is `<size of the columns> <columns> <zstd blocks of the steps' images>`. The columns begin with their names,
types and shapes as JSON. A column has the smallest type that holds all its numbers, and one row where all rows are
equal, as a mission's text has. A shard compresses the columns of many episodes together: one alone is too short.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gato_ros.data.demonstrations.demonstration import Demonstration
from gato_ros.data.demonstrations.pictures import FRAMES_PER_BLOCK

_SIZE = struct.Struct("<I")
_EXECUTED, _LABELS, _LENGTHS, _FRAMES = "executed", "labels", "image lengths", "frames per block"
_OBSERVED, _PRIVILEGED = "observed:", "privileged:"


@dataclass(frozen=True)
class Record:
    """What one record holds of an episode of T steps."""

    columns: Mapping[str, np.ndarray]
    """Observation key -> [T size] in the type that it was stored in; no images."""
    privileged: Mapping[str, np.ndarray]
    """Key -> [T size]."""
    executed: np.ndarray
    """[T n] float32"""
    labels: np.ndarray
    """[T n] float32; the array `executed` itself where both are equal."""
    images: bytes
    """The blocks of T steps, one after another."""
    image_lengths: np.ndarray
    """[blocks] int64 bytes of each block; [0] without images."""
    frames_per_block: int = 1
    """Steps in each block but the last."""


def record_bytes(episode: Demonstration, image_keys: tuple[str, ...]) -> bytes:
    """The record of an episode.

    Args:
        image_keys: the observations that are images, in the order in which a block holds them.

    Raises:
        ValueError: the episode has other ones.
    """
    if episode.pictures.keys != image_keys:
        raise ValueError(f"pictures of {episode.pictures.keys}, and the spec has {image_keys}")
    columns = {f"{_OBSERVED}{key}": one for key, one in episode.observations.items()}
    columns |= {f"{_PRIVILEGED}{key}": one for key, one in episode.privileged.items()}
    stored = {name: once(narrowed(one)) for name, one in columns.items()}
    stored[_EXECUTED] = narrowed(episode.executed)
    if not np.array_equal(episode.executed, episode.labels):
        stored[_LABELS] = narrowed(episode.labels)
    stored[_LENGTHS] = episode.pictures.lengths.astype(np.uint32)
    if image_keys:
        stored[_FRAMES] = np.array([FRAMES_PER_BLOCK], np.uint16)
    head = json.dumps([[name, one.dtype.str, list(one.shape)] for name, one in stored.items()], separators=(",", ":"))
    body = b"".join([_SIZE.pack(len(head)), head.encode(), *(one.tobytes() for one in stored.values())])
    return b"".join([_SIZE.pack(len(body)), body, episode.pictures.blocks])


def record_of(content: bytes) -> Record:
    """Inverse of `record_bytes`.

    Raises:
        ValueError, KeyError, TypeError, struct.error: the bytes are no record.
    """
    (size,) = _SIZE.unpack_from(content)
    arrays = dict(_arrays(content[_SIZE.size : _SIZE.size + size]))
    lengths, images = arrays.pop(_LENGTHS).astype(np.int64), content[_SIZE.size + size :]
    steps, per_block = len(arrays[_EXECUTED]), int(arrays[_FRAMES][0]) if _FRAMES in arrays else 1
    if lengths.sum() != len(images):
        raise ValueError(f"{len(images)} bytes of images, not {lengths.sum()}")
    if len(lengths) and len(lengths) != -(-steps // per_block):
        raise ValueError(f"{len(lengths)} blocks of {per_block} steps, and {steps} steps")
    whole = lambda name: _repeated(arrays[name], steps)
    executed = np.array(arrays[_EXECUTED], np.float32)
    return Record(
        {name.removeprefix(_OBSERVED): whole(name) for name in arrays if name.startswith(_OBSERVED)},
        {name.removeprefix(_PRIVILEGED): whole(name) for name in arrays if name.startswith(_PRIVILEGED)},
        executed,
        np.array(arrays[_LABELS], np.float32) if _LABELS in arrays else executed,
        images,
        lengths,
        per_block,
    )


def narrowed(values: np.ndarray) -> np.ndarray:
    """The numbers in the smallest of uint8, int16 and float32 that holds all of them as they are in float32."""
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    values = values.astype(np.float32)
    if np.isfinite(values).all() and (np.abs(values) < 2**15).all():
        for kind in (np.uint8, np.int16):
            small = np.clip(values, np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)
            # A negative zero is no integer: it would come back as another number.
            if np.array_equal(small, values) and not np.signbit(values[values == 0]).any():
                return small
    return values


def once(rows: np.ndarray) -> np.ndarray:
    """The first row alone [1 ...] where all rows of [T ...] are equal."""
    return rows[:1] if len(rows) > 1 and (rows == rows[:1]).all() else rows


def _repeated(rows: np.ndarray, steps: int) -> np.ndarray:
    """[steps ...] of all rows, or of one that stands for all and stays one in memory."""
    return rows if len(rows) == steps else np.broadcast_to(rows, (steps, *rows.shape[1:]))


def _arrays(body: bytes) -> Iterator[tuple[str, np.ndarray]]:
    (size,) = _SIZE.unpack_from(body)
    at = _SIZE.size + size
    for name, kind, shape in json.loads(body[_SIZE.size : at]):
        dtype = np.dtype(kind)
        count = math.prod(shape)
        yield name, np.frombuffer(body, dtype, count, at).reshape(shape)
        at += count * dtype.itemsize
    if at != len(body):
        raise ValueError(f"{len(body)} bytes of columns, not {at}")
