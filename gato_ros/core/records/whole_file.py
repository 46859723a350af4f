"""A file that is there whole or not at all, and on the disk."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path`, on the disk when this returns; an error leaves what was there, and nothing beside."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        # A disk that is full is not to stay so because of half a file.
        partial.unlink(missing_ok=True)
        raise
