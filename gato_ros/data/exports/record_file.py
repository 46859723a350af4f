"""An array_record file with one record, written piece by piece: the library would hold the record twice.

The bytes are those of the library for `group_size:1,uncompressed` (a test compares). Format: Riegeli's chunks in blocks
of 64 KiB (github.com/google/riegeli, doc/riegeli_records_file_format.md), with array_record's index behind them.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from gato_ros.data.exports.highway_hash import HighwayHash

_KEY = struct.unpack("<4Q", 2 * b"Riegeli/records\n")
_BLOCK, _BLOCK_HEADER, _CHUNK_HEADER = 65536, 24, 40
_OPTIONS = b"group_size:1,transpose:false,pad_to_block_boundary:false,uncompressed,max_parallelism:1"
"""What the library says of itself in its index."""
_MAGIC = 0x71930E704FDAE05E
"""By it a reader knows the end of an array_record."""


def write_one_record(path: Path, size: int, pieces: Iterable[bytes]) -> None:
    """The new file `path` with one record of `size` bytes, which come in pieces.

    Raises:
        OSError: the disk refuses.
        ValueError: the pieces are not `size` bytes together.
    """
    with open(path, "xb") as file:
        chunks = _Chunks(file)
        chunks.write(b"s")
        start = chunks.position
        chunks.write_record(size, pieces)
        index = chunks.position
        about = _field(1, 1) + _field(2, 1) + _field(3, 1) + b"\x22" + varint(len(_OPTIONS)) + _OPTIONS
        chunks.write_records(b"\x0a" + varint(len(about)) + about, _field(1, start) + _field(2, size) + _field(3, 1))
        chunks.pad()
        chunks.write_records(*3 * [_field(1, index) + _field(2, _MAGIC)])
        chunks.pad()


def varint(number: int) -> bytes:
    """`number` >= 0 as protobuf writes it: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, value: int) -> bytes:
    """A field of a protobuf message with an integer."""
    return varint(number << 3) + varint(value)


def _hash(data: bytes) -> int:
    made = HighwayHash(_KEY)
    made.update(data)
    return made.value()


def _with_hash(header: bytes) -> bytes:
    return struct.pack("<Q", _hash(header)) + header


def _chunk_header(kind: bytes, size: int, data_hash: int, records: int, decoded: int) -> bytes:
    return _with_hash(struct.pack("<QQQQ", size, data_hash, kind[0] | records << 8, decoded))


def _front(*sizes: int) -> bytes:
    """What is before the records of these sizes in a chunk: how it is compressed (not at all), and the sizes."""
    listed = b"".join(map(varint, sizes))
    return b"\0" + varint(len(listed)) + listed


class _Chunks:
    """Chunk after chunk of a new file, in which each block begins with a header of its own."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._begin = self._end = 0
        self.position = 0
        """Bytes in the file."""

    def write(self, kind: bytes, data: bytes = b"", records: int = 0, decoded: int = 0) -> None:
        self._open(len(data))
        self._put(_chunk_header(kind, len(data), _hash(data), records, decoded))
        self._put(data)

    def write_records(self, *records: bytes) -> None:
        sizes = [len(record) for record in records]
        self.write(b"r", b"".join((_front(*sizes), *records)), len(records), sum(sizes))

    def write_record(self, size: int, pieces: Iterable[bytes]) -> None:
        """The chunk of one large record. Its header has the hash of what follows, so it is written last."""
        data_size = len(_front(size)) + size
        at, made = self.position, HighwayHash(_KEY)
        if at % _BLOCK < _BLOCK_HEADER or at % _BLOCK > _BLOCK - _CHUNK_HEADER:
            raise ValueError(f"the chunk's header would lie across two blocks, at {at}")
        self._open(data_size)
        self._put(bytes(_CHUNK_HEADER))
        for piece in itertools.chain([_front(size)], pieces):
            made.update(piece)
            self._put(piece)
        if self.position != self._end:
            raise ValueError(f"a record of {size} bytes had {self.position - self._end:+} bytes")
        self._file.seek(at)
        self._file.write(_chunk_header(b"r", data_size, made.value(), 1, size))
        self._file.seek(self.position)

    def pad(self) -> None:
        """Fill the block."""
        left = -self.position % _BLOCK
        if left:
            size = left - _CHUNK_HEADER
            self.write(b"p", bytes(size if size >= 0 else size + _BLOCK - _BLOCK_HEADER))

    def _open(self, size: int) -> None:
        """A chunk with `size` bytes of data begins here."""
        self._begin = self.position
        size += _CHUNK_HEADER
        # Blocks that begin in the chunk: so many more bytes than are left in this block, rounded up.
        blocks = -(-(size - -self.position % _BLOCK) // (_BLOCK - _BLOCK_HEADER))
        self._end = self.position + size + max(0, blocks) * _BLOCK_HEADER

    def _put(self, data: bytes) -> None:
        """Bytes of the chunk, and the headers of the blocks that begin in it."""
        view = memoryview(data)
        while view:
            if self.position % _BLOCK == 0:
                ends = struct.pack("<QQ", self.position - self._begin, self._end - self.position)
                self.position += self._file.write(_with_hash(ends))
            part = view[: -self.position % _BLOCK]
            self.position += self._file.write(part)
            view = view[len(part) :]
