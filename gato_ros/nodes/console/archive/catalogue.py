"""Numbered files of a few folders: a browser names a number, and never a path."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gato_ros.data.episodes.label import labels_path

PATTERNS = {
    "episodes": ("*.mcap",),
    "incidents": ("*.mcap",),
    "reports": ("*.html", "*.json", "*/*.html", "*/*.json"),
    "prompts": ("*.mcap",),
    "shipped": ("*/params.safetensors",),
    "weights": ("*/params.safetensors",),
}
"""Kind -> what its folder holds."""
MOST = 200
"""So many are listed, the newest."""


@dataclass(frozen=True)
class Entry:
    """One file as it is now."""

    kind: str
    number: int
    path: Path
    name: str
    """Below its folder."""
    state: tuple[int, ...]
    """Changes with the file, or with what was said about it."""
    modified_s: float


@dataclass(frozen=True)
class Listing:
    """A folder, the newest first."""

    entries: tuple[Entry, ...]
    left_out: int = 0
    """Older ones."""
    problem: str = ""
    """Why there are none."""


class Catalogue:
    """Knows a file again by its path, so that a number means one file for as long as the process runs.

    Args:
        folders: kind -> folder; a kind that is missing, or None, has nothing to show.
    """

    def __init__(self, folders: Mapping[str, Path | None]):
        self._folders, self._lock = dict(folders), threading.Lock()
        self._next = itertools.count(1)
        self._numbers: dict[tuple[str, Path], int] = {}
        self._paths: dict[tuple[str, int], Path] = {}

    def listing(self, kind: str) -> Listing:
        """What is there now; nothing that begins with a dot, as unfinished files do."""
        folder = self._folders.get(kind)
        if folder is None:
            return Listing((), problem="no folder")
        try:
            paths = {path for pattern in PATTERNS[kind] for path in folder.glob(pattern)}
            found = [entry for path in sorted(paths) if (entry := self._entry(kind, folder, path))]
        except OSError as error:
            return Listing((), problem=error.strerror or str(error))
        if not folder.is_dir():
            return Listing((), problem=f"no folder {folder.name}")
        found.sort(key=lambda entry: (-entry.modified_s, entry.name))
        return Listing(tuple(found[:MOST]), max(0, len(found) - MOST))

    def find(self, kind: str, number: int) -> Entry | None:
        """The file of a number that was listed, where it is still there."""
        with self._lock:
            path = self._paths.get((kind, number))
        return None if path is None else self._entry(kind, self._folders[kind], path)

    def _entry(self, kind: str, folder: Path | None, path: Path) -> Entry | None:
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or not path.is_file():
            return None
        try:
            status = path.stat()
        except OSError:
            return None  # gone meanwhile
        with self._lock:
            number = self._numbers.get((kind, path))
            if number is None:
                number = self._numbers[kind, path] = next(self._next)
                self._paths[kind, number] = path
        state = (status.st_size, status.st_mtime_ns, *_said(path))
        return Entry(kind, number, path, str(name), state, status.st_mtime)


def _said(path: Path) -> tuple[int, ...]:
    """When something was last said about an episode."""
    try:
        return (labels_path(path).stat().st_mtime_ns,)
    except OSError:
        return ()
