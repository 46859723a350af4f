"""Where what is computed from a folder of data is kept: beside it, or among the user's caches if it is read-only."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

BESIDE = ".frames"
"""Folder beside the data."""


def cache_folder(folder: Path) -> Path | None:
    """A folder that exists and can be written, for what is computed from the data in `folder`.

    Beside the data where that can be written, else in `$XDG_CACHE_HOME/gato_ros`, by the data's absolute path. None
    where neither can be written: do without. A write may still fail, for a disk can run full.
    """
    return next((place for place in _places(folder) if _writable(place)), None)


def cached_file(folder: Path, name: str) -> Path | None:
    """The file of that name that was kept for `folder`, wherever; None if there is none."""
    return next((place / name for place in _places(folder) if (place / name).is_file()), None)


def _places(folder: Path) -> list[Path]:
    folder = Path(folder).resolve()
    root = _user_cache()
    if root is None:
        return [folder / BESIDE]
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return [folder / BESIDE, root / "gato_ros" / digest]


def _user_cache() -> Path | None:
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # the standard says that a relative one counts for nothing
        return named
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None


def _writable(place: Path) -> bool:
    """Tried, not looked up: rights, quotas and read-only mounts say no in different places."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False
