"""A file that grows by whole blocks only, and keeps room for its own end on a disk that runs full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO


class WholeBlocks:
    """What is written waits in memory until `flush`, which appends all of it to the file or nothing."""

    def __init__(self, file: IO[bytes], reserve_bytes: int = 0):
        """`file` is unbuffered, empty and at its end; the reserve is a file beside it."""
        self._file, self._waiting, self._flushed = file, bytearray(), 0
        self._reserve = Path(f"{file.name}.reserve") if reserve_bytes else None
        if self._reserve is not None:
            with open(self._reserve, "wb") as reserve:
                # Not a hole: the blocks have to be there when the disk has no other.
                os.posix_fallocate(reserve.fileno(), 0, reserve_bytes)

    @property
    def waiting(self) -> int:
        """Bytes that are not in the file yet."""
        return len(self._waiting)

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def tell(self) -> int:
        return self._flushed + len(self._waiting)

    def flush(self) -> None:
        """Append what waits.

        Raises:
            OSError: no room, or the disk fails; the file is as before, and what waits goes on waiting.
        """
        end, left = self._flushed, memoryview(self._waiting)
        try:
            while left:
                count = self._file.write(left)
                end, left = end + count, left[count:]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._flushed)
            raise
        finally:
            left.release()
        self._flushed, self._waiting = end, bytearray()

    def release_reserve(self) -> None:
        """Give the room set aside back to the disk."""
        if self._reserve is not None:
            self._reserve.unlink(missing_ok=True)
            self._reserve = None
