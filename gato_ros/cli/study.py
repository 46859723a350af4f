"""How success depends on demonstrations, on model size, or on where a new task is learned from.

`demonstrations`: one model, nested subsets of one folder (its first files, by seed). `size`: one data set, several
models. `few_shot`: a new task (blue on green) from the weights of --init against from nothing; without --data its
demonstrations are collected first. All else is equal, gradient steps too. The same command goes on where it
stopped; OUT/study.json, study.png and study.md hold what is done so far. --list shows the cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from gato_ros.evaluation.studies.settings import Study

if TYPE_CHECKING:
    from gato_ros.evaluation.studies.cell import Cell


@dataclass(frozen=True)
class Options(Study):
    """Which study, on what, and how large."""

    name: Annotated[Literal["demonstrations", "size", "few_shot"], tyro.conf.Positional]
    """The study."""
    list_cells: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Show the cells and their state, and do nothing."""
    json: Path | None = None
    """Write the result here, too."""


def run(options: Options) -> dict:
    """Do the cells that are left, in order; the study's result."""
    from gato_ros.evaluation.studies.study import run_study, study_cells, study_result

    cells = study_cells(options)
    result = study_result(options, cells) if options.list_cells else run_study(options)
    _print_states(options, cells)
    if not options.list_cells:
        print(f"{options.out / 'study.md'}, study.json and study.png")
    return result


def _print_states(options: Options, cells: tuple[Cell, ...]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console
    from gato_ros.evaluation.studies.cell import state

    table = Table("cell", "model", "files", "starts from", "state", title=f"study {options.name} in {options.out}")
    for cell in cells:
        table.add_row(
            cell.name, cell.preset, str(cell.limit or "all"), str(cell.init or "nothing"), state(cell, options)
        )
    make_console().print(table)
