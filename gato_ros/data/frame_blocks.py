"""Compressed pictures of frames, in memory or in files: what is in a long file stays there and is read when wanted."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError

IN_MEMORY_BYTES = 8 * 2**20
"""A file with so much at most is read at once: opening it for every frame would take longer than the frame."""
_MEMBER_BYTES = 16 * 2**20
_MEMBER = "blocks"
"""Name of the arrays in a file that hold its blocks, one after another; longer ones have a number behind it."""


@dataclass(frozen=True)
class Blocks:
    """N blocks of bytes."""

    places: tuple[bytes | Path, ...]
    """Where the blocks lie: in memory, or in a file. A file is not kept open, for there may be thousands."""
    place: np.ndarray
    """[N] int32 which of the places."""
    start: np.ndarray
    """[N] int64 first byte there."""
    length: np.ndarray
    """[N] int64"""
    part: np.ndarray | None = None
    """[N] int32 which of the frames in its block each row is; None: a block is one frame."""

    def __len__(self) -> int:
        return len(self.length)

    def __getitem__(self, row: int) -> bytes:
        """One block; SetupError where its file is gone or has been cut since."""
        place, start, length = self.places[self.place[row]], int(self.start[row]), int(self.length[row])
        if isinstance(place, bytes):
            return place[start : start + length]
        try:
            with open(place, "rb", buffering=0) as file:
                found = os.pread(file.fileno(), length, start)
        except FileNotFoundError:
            found = b""
        if len(found) != length:
            raise SetupError(
                expected=f"the frames in {place} as long as they are used",
                got="a file that is gone or cut",
                fix="run the same command again: it makes them anew",
            )
        return found

    def only(self, rows: np.ndarray) -> Blocks:
        """The blocks of `rows` [n], in that order."""
        part = None if self.part is None else self.part[rows]
        return Blocks(self.places, self.place[rows], self.start[rows], self.length[rows], part)

    def shared(self, frames_per_block: int, frames: int) -> Blocks:
        """A row for each of `frames` frames, of which every block but the last holds so many."""
        block, part = np.divmod(np.arange(frames), frames_per_block)
        return replace(self.only(block), part=part.astype(np.int32))

    @staticmethod
    def of(blocks: Iterable[bytes]) -> Blocks:
        """Blocks in memory."""
        lengths, whole = [], bytearray()
        for block in blocks:
            lengths.append(len(block))
            whole += block
        return Blocks.laid((bytes(whole),), [np.array(lengths, np.int64)])

    @staticmethod
    def laid(places: Sequence[bytes | Path], lengths: Sequence[np.ndarray], offsets: Sequence[int] = ()) -> Blocks:
        """Blocks that lie one behind the other in each place, from its offset on."""
        starts = [np.cumsum(one) - one + offset for one, offset in zip(lengths, offsets or [0] * len(places))]
        number = np.repeat(np.arange(len(places), dtype=np.int32), [len(one) for one in lengths])
        return Blocks(
            tuple(places),
            number,
            np.concatenate([np.zeros(0, np.int64), *starts]),
            np.concatenate([np.zeros(0, np.int64), *lengths]),
        )

    @staticmethod
    def join(parts: Sequence[Blocks]) -> Blocks:
        """All blocks of several."""
        firsts = np.cumsum([0, *(len(part.places) for part in parts)])
        return Blocks(
            tuple(place for part in parts for place in part.places),
            np.concatenate([part.place + int(first) for part, first in zip(parts, firsts)]),
            np.concatenate([part.start for part in parts]),
            np.concatenate([part.length for part in parts]),
            None if all(part.part is None for part in parts) else np.concatenate([_parts(part) for part in parts]),
        )


def _parts(blocks: Blocks) -> np.ndarray:
    return np.zeros(len(blocks), np.int32) if blocks.part is None else blocks.part


class BlockWriter:
    """An npz file that gets its blocks one by one, and everything else at its end; to be used in a with-block."""

    def __init__(self, file: io.BufferedWriter):
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._waiting = bytearray()
        self._lengths: list[int] = []
        self._members = 0

    def __enter__(self) -> BlockWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self._zip.fp = None  # else it would write its end once more when it is collected, and print that it cannot

    def add(self, block: bytes) -> None:
        """One block. Memory: up to _MEMBER_BYTES wait for the file."""
        if self._waiting and len(self._waiting) + len(block) > _MEMBER_BYTES:
            self._flush()
        self._waiting += block
        self._lengths.append(len(block))

    def finish(self, arrays: dict[str, np.ndarray]) -> None:
        """The rest of the file, the blocks' lengths among it."""
        self._flush()
        for name, array in {**arrays, "lengths": np.array(self._lengths, np.int64)}.items():
            self._put(name, array)
        self._zip.close()

    def _flush(self) -> None:
        self._put(f"{_MEMBER}{self._members or ''}", np.frombuffer(self._waiting, np.uint8))
        self._waiting, self._members = bytearray(), self._members + 1

    def _put(self, name: str, array: np.ndarray) -> None:
        with self._zip.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], Blocks]:
    """All of a file but its blocks, and these: in memory where they are few bytes, else where they lie.

    Raises:
        OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile: it is not whole.
    """
    with zipfile.ZipFile(path) as file:
        names = [name.removesuffix(".npy") for name in file.namelist()]
        members = [name for name in names if name.rstrip("0123456789") == _MEMBER]
        arrays = {name: _read(file, name) for name in names if name not in members}
        lengths = arrays.pop("lengths")
        if lengths.sum() <= IN_MEMORY_BYTES:
            whole = b"".join(_read(file, name).tobytes() for name in members)
            if len(whole) != lengths.sum():
                raise ValueError(f"{len(whole)} bytes of blocks, not {lengths.sum()}")
            return arrays, Blocks.laid((whole,), [lengths])
        return arrays, _lying(path, file, members, lengths)


def _read(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _lying(path: Path, file: zipfile.ZipFile, members: Sequence[str], lengths: np.ndarray) -> Blocks:
    """The blocks of members that stay in the file: a block is never divided between two."""
    ends, first = np.cumsum(lengths), 0
    parts, offsets = [], []
    reached = 0
    for name in members:
        offset, size = _extent(file, name)
        reached += size
        last = int(np.searchsorted(ends, reached, side="right"))
        parts.append(lengths[first:last])
        offsets.append(offset)
        if parts[-1].sum() != size:
            raise ValueError(f"{name} has {size} bytes, and its blocks {parts[-1].sum()}")
        first = last
    if first != len(lengths):
        raise ValueError(f"{first} blocks of {len(lengths)}")
    return Blocks.laid([path] * len(members), parts, offsets)


def _extent(file: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """Where in the file the values of a member begin, and how many bytes they are."""
    about = file.getinfo(f"{name}.npy")
    with file.open(about) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        (size,), _, _ = read(member)
        header = member.tell()
    if about.compress_type != zipfile.ZIP_STORED or header + size != about.file_size:
        raise ValueError(f"{name} is not stored as it is")
    assert file.fp is not None  # the file is open
    file.fp.seek(about.header_offset + 26)
    name_bytes, extra_bytes = struct.unpack("<HH", file.fp.read(4))
    return about.header_offset + 30 + name_bytes + extra_bytes + header, size
