"""A table of episodes, from their summaries and labels; `verify` reads them through.

Exit code 1 when a file cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from gato_ros.data.episodes.summary import Summary


@dataclass(frozen=True)
class Options:
    """Which episodes."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of episodes, or files."""
    trash: bool = False
    """List what was thrown away instead."""
    json: Path | None = None
    """Write the rows here as JSON."""


def run(options: Options) -> dict:
    """Rows, totals, and in `ok` whether every file has a summary."""
    return _list_trash(options.places) if options.trash else _list(options.places)


def _list(places: tuple[Path, ...]) -> dict:
    from gato_ros.data.episodes.recovery import partial_paths
    from gato_ros.data.episodes.summary import chosen, summarise
    from gato_ros.data.episodes.trash import in_trash
    from gato_ros.evaluation.progress import counted

    lying = chosen(places)
    files, found = lying.files, []
    with counted("read", len(files), transient=True) as advance:
        for path in files:
            found.append(summarise(path))
            advance(path.name)
    folders = sorted({path.parent for path in files})
    rows = [_row(one) for one in found]
    result = {
        "ok": not any(row["problem"] for row in rows),
        "episodes": len(rows),
        "successes": sum(row["success"] is True for row in rows),
        "failures": sum(row["success"] is False for row in rows),
        "steps": sum(row["steps"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "unreadable": sum(bool(row["problem"]) for row in rows),
        "unfinished": [str(path) for folder in folders for path in partial_paths(folder)],
        "in_trash": sum(len(in_trash(folder)) for folder in folders),
        "not_episodes": {str(path): str(other) for path, other in lying.others.items()},
        "rows": rows,
    }
    _print(result)
    return result


def _row(one: Summary) -> dict:
    known = {**one.metadata, **one.outcome}
    return {
        "file": str(one.path),
        "bytes": one.bytes,
        "steps": one.steps,
        "seconds": round(one.duration_s, 3),
        "images": one.images,
        "success": one.success,
        "recorded_success": one.recorded_success,
        "labels": len(one.history.labels),
        "note": one.history.latest("note"),
        "task": one.task,
        "driver": one.driver,
        "object_set": known.get("object_set"),
        "objects": known.get("objects"),
        "seed": known.get("seed"),
        "embodiment": known.get("embodiment"),
        "problem": one.problem,
    }


def _print(result: dict) -> None:
    from rich.table import Column, Table

    from gato_ros.evaluation.console import make_console

    narrow = (Column(name, no_wrap=True) for name in ("episode", "success", "steps", "s", "images"))
    table = Table(*narrow, "driver", "task", "said", show_edge=False)
    for row in result["rows"]:
        table.add_row(
            Path(row["file"]).name,
            success_text(row),
            str(row["steps"]),
            f"{row['seconds']:.1f}",
            str(row["images"]),
            Path(row["driver"]).name,
            row["task"] or row["object_set"] or "",
            row["problem"] or row["note"] or "",
            style="red" if row["problem"] else None,
        )
    console = make_console()
    console.print(table)
    console.print(
        f"{result['episodes']} episodes, {result['successes']} successes, {result['failures']} failures, "
        f"{result['steps']} steps, {result['bytes'] / 2**20:.1f} MiB; {result['unreadable']} unreadable, "
        f"{result['in_trash']} in the trash"
    )
    for path, what in result["not_episodes"].items():
        console.print(f"left out: {path}: {what}", markup=False)
    if result["unfinished"]:
        console.print(
            f"{len(result['unfinished'])} unfinished in .partial: where no recorder is running, "
            "`episodes repair` saves what is whole"
        )


def success_text(row: dict) -> str:
    """Yes, no or ?, with a star where somebody said otherwise than the recording."""
    text = {True: "yes", False: "no", None: "?"}[row["success"]]
    return text + ("*" if row["success"] is not row["recorded_success"] else "")


def _list_trash(places: tuple[Path, ...]) -> dict:
    from rich.table import Table

    from gato_ros.data.episodes.trash import in_trash
    from gato_ros.evaluation.console import make_console

    rows = [
        {
            "folder": str(place),
            "episode": one.name,
            "reason": one.reason,
            "at": one.at,
            "by": one.by,
            "file": str(one.path),
        }
        for place in places
        for one in in_trash(place)
    ]
    table = Table("folder", "episode", "thrown away", "by", "reason", show_edge=False)
    for row in rows:
        table.add_row(row["folder"], row["episode"], row["at"], row["by"], row["reason"])
    console = make_console()
    console.print(table)
    console.print(f"{len(rows)} in the trash; `episodes trash FOLDER/NAME --restore` brings one back")
    return {"ok": True, "trashed": len(rows), "rows": rows}
