"""The array_record files of a split: records of a usual size by the library, large ones streamed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from gato_ros.data.exports.example_spool import ExampleSpool
from gato_ros.data.exports.record_file import write_one_record

EPISODES_PER_FILE = 100
LIBRARY_BYTES = 2**28
"""The library is quick, but holds a record twice. A larger record is streamed, which takes 0.15 s for a MiB."""


class SplitFiles:
    """The files of a split, in order: of many records each, or of one that is large."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._writer: Any = None
        self.paths: list[Path] = []
        self.lengths: list[int] = []
        """Records in each."""
        self.bytes = 0
        """Of all records."""

    def write(self, example: ExampleSpool) -> None:
        self.bytes += len(example)
        if len(example) > LIBRARY_BYTES:
            self.close()
            write_one_record(self._next(), len(example), example.pieces())
            self.lengths[-1] += 1
            return
        if self._writer is None or self.lengths[-1] == EPISODES_PER_FILE:
            from array_record.python.array_record_module import ArrayRecordWriter

            self.close()
            self._writer = ArrayRecordWriter(str(self._next()), "group_size:1")
        record = io.BytesIO()
        for piece in example.pieces():
            record.write(piece)
        self._writer.write(record.getvalue())
        self.lengths[-1] += 1

    def _next(self) -> Path:
        self.paths.append(self._folder / f"{len(self.paths)}.records")
        self.lengths.append(0)
        return self.paths[-1]

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
