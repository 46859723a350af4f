"""Say something about episodes: whether they succeeded, the task in words, a note.

What is said is added to a history beside the recording, which stays as it is; the latest counts. `ls` shows it, and
`train` leaves out what was called a failure. Without anything to say, the history is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Options:
    """Which episodes, and what is said of each."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Files; a folder means all of its episodes."""
    verdict: Literal["success", "fail", "unknown"] | None = None
    """Whether it succeeded; `unknown` takes an earlier verdict back."""
    text: str | None = None
    """The task in words."""
    note: str | None = None
    """Anything else."""
    by: str | None = None
    """Who says it; default: the user who is logged in."""
    json: Path | None = None
    """Write the histories here as JSON."""


def run(options: Options) -> dict:
    """Add the label to every episode; the histories as they are then."""
    from rich.table import Table

    from gato_ros.data.episodes.label import add_label, read_labels
    from gato_ros.data.episodes.summary import chosen_files, whole_summary
    from gato_ros.evaluation.console import make_console

    paths = chosen_files(options.places)
    said = {"verdict": options.verdict, "text": options.text, "note": options.note}
    if any(value is not None for value in said.values()):
        for path in paths:
            whole_summary(path)  # a label on what is no episode would be lost on everybody
        for path in paths:
            add_label(path, by=options.by, **said)
    table = Table("episode", "at", "by", "verdict", "text", "note", show_edge=False)
    rows = []
    for path in paths:
        history = read_labels(path)
        rows.append(
            {
                "file": str(path),
                "labels": [asdict(label) for label in history.labels],
                "problems": list(history.problems),
            }
        )
        for label in history.labels:
            table.add_row(path.name, label.at, label.by, label.verdict or "", label.text or "", label.note or "")
    make_console().print(table)
    return {"ok": not any(row["problems"] for row in rows), "episodes": len(rows), "rows": rows}
