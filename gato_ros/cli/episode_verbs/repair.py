"""Save what is whole of recordings that were cut: those left in `.partial`, and files that do not end as they should.

A file that verifies is not touched. Exit code 1 when a file could not be repaired.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gato_ros.core.errors import SetupError


@dataclass(frozen=True)
class Options:
    """Which recordings."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders: their `.partial` and their unreadable episodes; or files."""
    json: Path | None = None
    """Write what was repaired here as JSON."""


def run(options: Options) -> dict:
    """Repair; what each file became."""
    from gato_ros.data.checks.verification import verify_episode
    from gato_ros.data.episodes.recovery import recover_partial
    from gato_ros.data.episodes.summary import summarise
    from gato_ros.evaluation.progress import counted

    paths, rows = _damaged(options.places), []
    with counted("repair", len(paths), transient=True) as advance:
        for path in paths:
            try:
                saved = recover_partial(path)
                rows.append(
                    {
                        "file": str(path),
                        "saved": str(saved),
                        "steps": summarise(saved).steps,
                        "problems": verify_episode(saved),
                        "error": None,
                    }
                )
            except (SetupError, OSError) as error:
                rows.append({"file": str(path), "saved": None, "steps": 0, "problems": [], "error": str(error)})
            advance(path.name)
    for row in rows:
        if row["error"]:
            print(f"{row['file']}: not repaired: {row['error']}")
        else:
            left = f"; {'; '.join(row['problems'])}" if row["problems"] else ""
            print(f"{row['file']} -> {row['saved']}, {row['steps']} steps{left}")
    failed = sum(row["error"] is not None for row in rows)
    print(f"{len(rows) - failed} repaired, {failed} not")
    return {"ok": not failed, "repaired": len(rows) - failed, "failed": failed, "rows": rows}


def _damaged(places: tuple[Path, ...]) -> list[Path]:
    """Unfinished files and files without a summary."""
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.data.episodes.recovery import partial_paths
    from gato_ros.data.episodes.summary import summarise
    from gato_ros.data.mcap_file import PARTIAL

    found: dict[Path, None] = {}
    for place in places:
        if not place.exists():
            raise SetupError(expected="a folder of recordings or a file", got=f"no {place}", fix="check the path")
        files = [place] if place.is_file() else [*partial_paths(place), *episode_paths(place)]
        for path in files:
            if path.parent.name == PARTIAL or summarise(path).problem:
                found[path] = None
    return list(found)
