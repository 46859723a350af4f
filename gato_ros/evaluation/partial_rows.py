"""Results of a work that is not finished: on disk as they come, so that an interruption loses none."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from gato_ros.core.errors import SetupError

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class PartialRows(Generic[Key, Value]):
    """One JSON line for what is evaluated, then one per episode. Nothing is written before the first episode.

    A process that is killed while it writes leaves half a line, which does not count.
    """

    def __init__(
        self, path: Path | None, identity: dict[str, Any], parsed: Callable[[dict[str, Any]], tuple[Key, Value]]
    ):
        """Read what is there; with `path` None nothing is kept.

        Args:
            path: the file.
            identity: what must be the same for episodes to belong together; plain JSON values.
            parsed: a row as key and value; KeyError, TypeError or ValueError where it is none.

        Raises:
            SetupError: the file belongs to another evaluation, or is damaged.
        """
        self.path, self._identity, self._parsed = path, identity, parsed
        self.known: dict[Key, Value] = {}
        """What is done."""
        self._whole = 0
        self._file: IO[bytes] | None = None
        if path and path.exists():
            self._read(path)

    def __len__(self) -> int:
        return len(self.known)

    def keep(self, key: Key, value: Value, row: dict[str, Any]) -> None:
        """Keep one more; `row` is what `parsed` makes of it again."""
        self.known[key] = value
        if self.path is None:
            return
        if self._file is None:
            self._file = self._open(self.path)
        self._write(row)

    def on_disk(self) -> int:
        """Episodes in the file. An interrupt may fall between writing one and counting it: the file is what counts."""
        if self.path is None or not self.path.exists():
            return 0
        return max(0, self.path.read_bytes().count(b"\n") - 1)

    def delete(self) -> None:
        """The evaluation is finished and written elsewhere."""
        self.close()
        if self.path:
            self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def kept_when_interrupted(self, total: int) -> Iterator[None]:
        """Whatever ends the work early, say on stderr how many of `total` are kept, and where."""
        try:
            yield
        except BaseException:
            self.close()
            if kept := self.on_disk():
                print(f"{kept} of {total} episodes are kept in {self.path}; the same command goes on", file=sys.stderr)
            raise

    def close(self) -> None:
        """Close the file and leave it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        self._whole = len(whole)
        if not whole:
            return
        try:
            head, *rows = [json.loads(line) for line in whole.splitlines()]
            if not isinstance(head, dict):
                raise TypeError(f"its first line is {head!r}")
            found = dict(map(self._parsed, rows))
        except (ValueError, KeyError, TypeError) as error:
            raise SetupError(
                expected=f"the episodes of an interrupted evaluation in {path}",
                got=f"a damaged file, {type(error).__name__}: {error}",
                fix="delete it",
            ) from None
        different = sorted(key for key in {**head, **self._identity} if head.get(key) != self._identity.get(key))
        if different:
            changes = "; ".join(
                f"{key} {_short(head.get(key))}, now {_short(self._identity.get(key))}" for key in different
            )
            raise SetupError(
                expected=f"the evaluation that {path} is a part of",
                got=f"another one: {changes}",
                fix="give the same command again to finish it, choose another --json, or delete that file",
            )
        self.known = found

    def _open(self, path: Path) -> IO[bytes]:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab")
        file.truncate(self._whole)
        if not self._whole:
            self._file = file
            self._write(self._identity)
        return file

    def _write(self, value: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(value, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
