"""Read episodes through and say everything that is wrong with each: checksums, dropped frames, silent gaps, rates,
clocks, skew, the contract, values that are not finite or out of range, labels. Files of others are named and left out.

Exit code 1 when an episode has a problem.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Options:
    """Which episodes."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of episodes, or files."""
    problems_only: bool = False
    """Show only the episodes with problems."""
    json: Path | None = None
    """Write the rows here as JSON."""


def run(options: Options) -> dict:
    """Read every episode; rows, totals, and in `ok` whether all are whole."""
    from gato_ros.data.episodes.label import orphans
    from gato_ros.data.episodes.summary import chosen
    from gato_ros.evaluation.progress import counted

    places = chosen(options.places)
    paths, rows = places.files, []
    # Unpacking and checksums leave the interpreter: threads do help.
    with ThreadPoolExecutor(os.cpu_count()) as pool, counted("verify", len(paths), transient=True) as advance:
        for row in pool.map(_row, paths):
            rows.append(row)
            advance(f"{sum(bool(one['problems']) for one in rows)} with problems")
    lonely = [str(path) for folder in sorted({path.parent for path in paths}) for path in orphans(folder)]
    result = {
        "ok": not lonely and not any(row["problems"] for row in rows),
        "episodes": len(rows),
        "with_problems": sum(bool(row["problems"]) for row in rows),
        "successes": sum(row["success"] is True for row in rows),
        "steps": sum(row["steps"] for row in rows),
        "images": sum(row["images"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "labels_without_episode": lonely,
        "not_episodes": {str(path): str(other) for path, other in places.others.items()},
        "rows": rows,
    }
    _print(result, options.problems_only)
    return result


def _row(path: Path) -> dict:
    from gato_ros.data.checks.problem import EXPORT, TRAINING
    from gato_ros.data.checks.verification import inspect_episode
    from gato_ros.data.episodes.label import label_problems
    from gato_ros.data.episodes.summary import summarise

    one, problems = summarise(path), inspect_episode(path).problems
    known = {**one.metadata, **one.outcome}
    return {
        "file": path.name,
        "folder": str(path.parent),
        "bytes": one.bytes,
        "steps": one.steps,
        "images": one.images,
        "problems": [*(problem.text for problem in problems), *label_problems(path, one.history)],
        "found": [
            {**asdict(problem), "forbids": [use for use in (TRAINING, EXPORT) if problem.forbids(use)]}
            for problem in problems
        ],
        "success": one.success,
        "recorded_success": one.recorded_success,
        **{key: known.get(key) for key in ("object_set", "objects", "seed")},
    }


def _print(result: dict, problems_only: bool) -> None:
    from rich.table import Table

    from gato_ros.cli.episode_verbs.ls import success_text
    from gato_ros.evaluation.console import make_console

    table = Table("episode", "steps", "images", "success", "MiB", "problems", show_edge=False)
    for row in result["rows"]:
        if row["problems"] or not problems_only:
            table.add_row(
                row["file"],
                str(row["steps"]),
                str(row["images"]),
                success_text(row),
                f"{row['bytes'] / 2**20:.2f}",
                "; ".join(row["problems"]),
                style="red" if row["problems"] else None,
            )
    console = make_console()
    console.print(table)
    console.print(
        f"{result['episodes']} episodes, {result['successes']} successes, {result['steps']} steps, "
        f"{result['bytes'] / 2**20:.1f} MiB; {result['with_problems']} with problems"
    )
    for path, what in result["not_episodes"].items():
        console.print(f"left out: {path}: {what}", markup=False)
    for path in result["labels_without_episode"]:
        console.print(f"labels without an episode: {path}", style="red")
