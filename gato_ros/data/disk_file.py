"""A file for libraries that do not survive a write that fails: it always succeeds, and says afterwards what failed."""

from __future__ import annotations

import io
from pathlib import Path


class DiskFile(io.RawIOBase):
    """The new file `path`, to be written and read by HDF5, which dies (signal 11) once a flush of its own has failed.

    Where the disk refuses, what was written is kept in memory instead, so that the library finds all it wrote. Ask
    `check` often, for that memory is small only if one stops at once. Leaving the with-block asks as well.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._file = open(path, "w+b", buffering=0)
        self._kept: list[tuple[int, bytes]] = []
        self._at = self._end = 0
        self._path = path
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raises OSError: a write since the beginning has failed; the file is not what it should be.

        An interrupt (Ctrl-C) that came in the middle of a write is raised here, too.
        """
        if isinstance(self._error, OSError):
            raise OSError(self._error.errno, self._error.strerror, str(self._path))
        if self._error is not None:
            raise self._error

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        if self._error is None:
            try:
                self._put(view)
            # An interrupt as well: the library would take it for a failed write.
            except BaseException as error:
                self._error = error
        if self._error is not None:
            self._kept.append((self._at, bytes(view)))
        self._at += len(view)
        self._end = max(self._end, self._at)
        return len(view)

    def _put(self, view: memoryview) -> None:
        self._file.seek(self._at)
        while view:
            view = view[self._file.write(view) :]

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._end - self._at))
        self._file.seek(self._at)
        got = 0
        while got < count and (more := self._file.readinto(view[got:count])):
            got += more
        view[got:count] = bytes(count - got)
        for start, kept in self._kept:
            first, last = max(start, self._at), min(start + len(kept), self._at + count)
            if first < last:
                view[first - self._at : last - self._at] = kept[first - start : last - start]
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def truncate(self, size: int | None = None) -> int:
        self._end = self._at if size is None else size
        if self._error is None:
            try:
                self._file.truncate(self._end)
            except OSError as error:
                self._error = error
        return self._end

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.close()
        if kind is None:
            self.check()
