"""A tf.train.Example that grows on the disk: the lengths in it come before what they count."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gato_ros.data.exports.record_file import varint

_PIECE = 1 << 20
_MESSAGE_1, _MESSAGE_2 = b"\x0a", b"\x12"
"""Tags of protobuf: the fields 1 and 2, which have a length."""


class ExampleSpool:
    """An example, some of whose features are lists of bytes in files without a name, which nothing leaves behind.

    Only these are large; the features of `rest` are in memory.
    """

    def __init__(self, rest: Any, names: Iterable[str], folder: Path):
        """`rest` is an Example; `names` are the features that come piece by piece; the files are made in `folder`."""
        self._rest: bytes = rest.features.SerializeToString()
        self._open = contextlib.ExitStack()
        self._files = {name: self._open.enter_context(tempfile.TemporaryFile(dir=folder)) for name in names}
        self._sizes = dict.fromkeys(self._files, 0)

    def __enter__(self) -> ExampleSpool:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, name: str, value: bytes) -> None:
        """The next value of a feature. Raises OSError: the disk refuses."""
        self._sizes[name] += self._files[name].write(_message(_MESSAGE_1, len(value)) + value)

    def __len__(self) -> int:
        """Bytes of the example."""
        inside = self._inside()
        return len(_message(_MESSAGE_1, inside)) + inside

    def _inside(self) -> int:
        return len(self._rest) + sum(len(self._before(name)) + size for name, size in self._sizes.items())

    def _before(self, name: str) -> bytes:
        """An entry of the map of features up to the values: the name, and that these are bytes."""
        size = self._sizes[name]
        listed = _message(_MESSAGE_1, size)
        feature = _message(_MESSAGE_2, len(listed) + size)
        key = _message(_MESSAGE_1, len(name.encode())) + name.encode()
        return _message(_MESSAGE_1, len(key + feature + listed) + size) + key + feature + listed

    def pieces(self) -> Iterator[bytes]:
        """The example from its first byte to its last, none of the pieces large. Raises OSError."""
        yield _message(_MESSAGE_1, self._inside()) + self._rest
        for name, file in self._files.items():
            yield self._before(name)
            left = self._sizes[name]
            file.seek(0)
            while left:
                if not (piece := file.read(min(_PIECE, left))):
                    raise OSError(errno.EIO, "a file of pictures became shorter while it was read")
                left -= len(piece)
                yield piece


def _message(tag: bytes, size: int) -> bytes:
    return tag + varint(size)
