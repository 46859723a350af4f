"""Whether data is the same: by what is in it, not by how its path is spelled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gato_ros.data.episodes.episode import episode_paths
from gato_ros.data.frames import SUFFIX, Frames


def frames_digest(parts: Iterable[Frames], more: Iterable[np.ndarray] = ()) -> str:
    """sha256 of what frames hold beside their pictures: labels, measured values, who taught.

    Pictures are left out: they are packed anew by every version of zstd, and measured values differ wherever they do.

    Args:
        more: arrays that belong to them.
    """
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, "actions", part.actions)
        for key in sorted(part.vectors):
            _add(digest, key, part.vectors[key])
        digest.update("\n".join(part.teachers.tolist()).encode())
    for array in more:
        _add(digest, "more", array)
    return digest.hexdigest()


def _add(digest, name: str, array: np.ndarray) -> None:
    digest.update(f"{name} {array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())


def files_digest(folders: Iterable[Path], limit: int | None = None) -> str:
    """sha256 of names and sizes of the first `limit` data files of each folder; opens none of them."""
    digest = hashlib.sha256()
    for folder in map(Path, folders):
        paths = [*sorted(folder.glob(f"*{SUFFIX}")), *episode_paths(folder)][:limit]
        digest.update("\n".join(f"{path.name} {path.stat().st_size}" for path in paths).encode() + b"\0")
    return digest.hexdigest()
