"""Whether another machine would compute with the same: the version of the package, and the files that options name."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.version import __version__


@dataclass(frozen=True)
class Sameness:
    """What has to be the same on every machine."""

    version: str
    """Of gato_ros."""
    digests: Mapping[str, str]
    """Path -> SHA-256 of a file, or of all files of a folder."""

    @staticmethod
    def of(paths: Iterable[str | Path | None]) -> Sameness:
        """As it is here; names that are no paths (of shipped weights, of domains) come with the package."""
        places = [Path(one).absolute() for one in paths if one is not None and Path(one).exists()]
        return Sameness(__version__, {str(place): digest_of(place) for place in places})

    def check(self) -> None:
        """Raises SetupError where this machine has another version or another file."""
        here = socket.gethostname()
        if self.version != __version__:
            raise SetupError(
                expected=f"gato_ros {self.version} on {here}", got=__version__, fix="install the same one on every node"
            )
        for path, digest in self.digests.items():
            found = _digest_here(path)
            if found != digest:
                raise SetupError(
                    expected=f"on {here} the same {path} as on the machine that asks",
                    got="another one" if found else "none",
                    fix="copy it to the same path on every node, or share the folder",
                )


def digest_of(path: Path) -> str:
    """SHA-256 over names and contents; names of files that begin with a dot do not count."""
    whole = hashlib.sha256()
    paths = [path] if path.is_file() else sorted(one for one in path.rglob("[!.]*") if one.is_file())
    for one in paths:
        content = hashlib.sha256(one.read_bytes()).hexdigest()
        whole.update(f"{one.relative_to(path)}\0{content}\n".encode())
    return whole.hexdigest()


@cache
def _digest_here(path: str) -> str:
    """Once in a process: an item begins often, and weights are large. Nothing where there is no such file."""
    place = Path(path)
    return digest_of(place) if place.exists() else ""
