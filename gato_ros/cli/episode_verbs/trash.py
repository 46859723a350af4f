"""Move episodes aside into `.trash` beside them, with the reason, or back with --restore. Nothing is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gato_ros.core.errors import SetupError


@dataclass(frozen=True)
class Options:
    """Which episodes, and why."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Episodes, one by one: a folder is refused."""
    reason: str = ""
    """Why they are of no use."""
    restore: bool = False
    """Bring them back: the latest of each name in the trash of its folder."""
    by: str | None = None
    """Who does it; default: the user who is logged in."""
    json: Path | None = None
    """Write what was moved here as JSON."""


def run(options: Options) -> dict:
    """Move; from where to where, for each."""
    from gato_ros.data.episodes.trash import find_in_trash, restore, trash

    if not options.files:
        raise SetupError(expected="episodes to move", got="none", fix="name their files")
    if options.restore:
        chosen = [find_in_trash(path.parent, path.name) for path in options.files]
        moved = [(str(one.path), str(restore(one))) for one in chosen]
    else:
        # All are looked at before the first is moved.
        for path in options.files:
            if not path.is_file() or path.suffix != ".mcap":
                raise SetupError(expected="files of episodes (*.mcap)", got=str(path), fix="name them one by one")
        if not options.reason.strip():
            raise SetupError(expected="--reason", got="none", fix="say why, so that others can judge it")
        moved = [(str(path), str(trash(path, options.reason, options.by).path)) for path in options.files]
    for source, target in moved:
        print(f"{source} -> {target}")
    return {"ok": True, "moved": [{"from": source, "to": target} for source, target in moved]}
