"""One piece of work as a process on another machine does it; what it wrote and what went wrong come home as values."""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gato_ros.core.errors import SetupError
from gato_ros.core.records.whole_file import write_whole
from gato_ros.data.mcap_file import sync_folder
from gato_ros.domains.domain_file import remember_files
from gato_ros.evaluation.cluster.sameness import Sameness

Work = TypeVar("Work", bound=Callable)
_MARK = "writes_into_folder"


def writes_into_folder(work: Work) -> Work:
    """Mark a function that writes files into the folder that is its first argument, and returns no more than facts.

    On another machine it gets an empty folder; its files come home and are written there, whole or not at all.
    """
    setattr(work, _MARK, True)
    return work


@dataclass(frozen=True)
class Item:
    """A call of `work`, and what a process has to know for it to mean the same there."""

    work: Callable
    arguments: tuple
    domains: Mapping[str, str]
    """Name -> path of the domains that were loaded from files."""
    folder: str
    """The driver's working directory: relative paths mean the same where there is one of that name."""
    sameness: Sameness

    @property
    def out(self) -> Path | None:
        """Where its files go, at home."""
        return Path(self.arguments[0]) if getattr(self.work, _MARK, False) else None

    def named(self) -> str:
        """It in a few words, for a message."""
        said = ", ".join(map(str, self.arguments[1:] if self.out else self.arguments))
        return f"{self.work.__name__}({said[:160]})"


@dataclass(frozen=True)
class Reply:
    """What came of an item."""

    value: Any = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Path below the folder -> content."""
    error: BaseException | None = None
    trace: str = ""
    """Where the error came from, as text."""

    def settle(self, item: Item, future: Future) -> None:
        """Write the files, then say that it is done: what is counted is on the disk."""
        if self.error is not None:
            self.error.__cause__ = ErrorThere(self.trace)
            future.set_exception(self.error)
            return
        try:
            if item.out is not None:
                write_files(item.out, self.files)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(self.value)


class ErrorThere(Exception):
    """The cause of an error that came from another process: where it was there."""

    def __str__(self) -> str:
        """The traceback, on lines of its own."""
        return f'\n"""\n{self.args[0]}"""'


def run_item(item: Item) -> Reply:
    """Do it in this process. An error of the work is an answer: nobody tries again what fails by itself."""
    try:
        with contextlib.suppress(OSError):
            os.chdir(item.folder)
        item.sameness.check()
        remember_files(item.domains)
        if item.out is None:
            return Reply(item.work(*item.arguments))
        with tempfile.TemporaryDirectory(prefix="gato_ros_item_") as place:
            value = item.work(Path(place), *item.arguments[1:])
            return Reply(value, read_files(Path(place)))
    except BaseException as error:
        return Reply(error=error, trace=traceback.format_exc())


def read_files(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Each whole or not at all, and on the disk; one that is there already is replaced by its equal."""
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SetupError(expected=f"files below {folder}", got=name, fix="look at the node that sent it")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        sync_folder(path.parent)
