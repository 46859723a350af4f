"""List the recorded episodes of a folder and verify each: checksums, gaps in steps, the contract's digest.

Exit code 1 when an episode has a problem.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gato_ros.core.errors import SetupError


@dataclass(frozen=True)
class Options:
    """Which episodes."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Folder of episodes, or one file."""
    problems_only: bool = False
    """Show only the episodes with problems."""
    json: Path | None = None
    """Write the rows here as JSON."""


def run(options: Options) -> dict:
    """Read every episode; rows, totals, and in `ok` whether all are whole."""
    from gato_ros.data.episode import episode_paths

    if not options.folder.exists():
        raise SetupError(expected="a folder of episodes or one file", got=f"no {options.folder}", fix="check the path")
    paths = [options.folder] if options.folder.is_file() else episode_paths(options.folder)
    if not paths:
        raise SetupError(expected=f"episodes (*.mcap) in {options.folder}", got="none", fix="`collect` records some")
    # Unpacking and checksums leave the interpreter: threads do help.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(_row, paths))
    result = _result(rows)
    _print(result, options.problems_only)
    return result


def _row(path: Path) -> dict:
    from gato_ros.data.episode import read_episode, verify_episode

    row = {"file": path.name, "bytes": path.stat().st_size, "problems": verify_episode(path), "steps": 0, "images": 0,
           "success": None, "object_set": None, "objects": None, "seed": None}
    try:
        episode = read_episode(path)
    except SetupError:
        return row
    known = {**episode.metadata, **episode.outcome}
    return {**row, **{key: known.get(key) for key in ("success", "object_set", "objects", "seed")},
            "steps": len(episode.steps), "images": len(episode.image_steps)}


def _result(rows: list[dict]) -> dict:
    return {
        "ok": not any(row["problems"] for row in rows),
        "episodes": len(rows),
        "with_problems": sum(bool(row["problems"]) for row in rows),
        "successes": sum(row["success"] is True for row in rows),
        "steps": sum(row["steps"] for row in rows),
        "images": sum(row["images"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "rows": rows,
    }


def _print(result: dict, problems_only: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("episode", "objects", "seed", "steps", "images", "success", "MiB", "problems", show_edge=False)
    for row in result["rows"]:
        if problems_only and not row["problems"]:
            continue
        success = {True: "yes", False: "no", None: "?"}[row["success"]]
        objects = " ".join(row["objects"]) if row["objects"] else row["object_set"] or "?"
        problems = "; ".join(row["problems"])
        table.add_row(row["file"], objects, str(row["seed"]), str(row["steps"]), str(row["images"]), success,
                      f"{row['bytes'] / 2**20:.2f}", problems, style="red" if problems else None)
    console = Console()
    console.print(table)
    console.print(f"{result['episodes']} episodes, {result['successes']} successes, {result['steps']} steps, "
                  f"{result['bytes'] / 2**20:.1f} MiB; {result['with_problems']} with problems")
