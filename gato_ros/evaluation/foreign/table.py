"""The scores of a policy in domains, as a table for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gato_ros.evaluation.console import make_console
from gato_ros.evaluation.foreign.task_result import SUCCESS


def print_table(result: dict[str, Any]) -> None:
    """Print what `evaluate` found."""
    from rich.table import Table

    who, console = named(result["policy"]), make_console()
    for name, block in result["domains"].items():
        # Where success is the metric, it would stand there twice.
        counted = block["metric"] != SUCCESS and all("rate" in row for row in block["tasks"].values())
        more = (SUCCESS,) if counted else ()
        columns = ("task", "episodes", block["metric"], *more, "random", "expert", "% of expert", "95 % interval")
        table = Table(*columns, title=f"{who} in {name}")
        for task, row in block["tasks"].items():
            table.add_row(task, *_cells(row, bool(more)))
        console.print(table)
        console.print(_in_words(block))


def in_short(value: float) -> str:
    """A score as text: three decimals, fewer where it is large, as those of games are."""
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"


def named(policy: str) -> str:
    """A policy in a title: trainings leave theirs in `last` and `best`, which alone would say nothing."""
    path = Path(policy)
    return f"{path.resolve().parent.name}/{path.name}" if path.name in ("last", "best") else path.name


def one_decimal(value: float) -> str:
    """As text; what rounds to nothing has no sign."""
    return f"{round(value, 1) + 0.0:.1f}"


def _cells(row: dict[str, Any], with_success: bool) -> list[str]:
    dropped = f" (of {row['attempted']})" if row["dropped"] else ""
    known = row["percent_of_expert"] is not None
    return [
        f"{row['episodes']}{dropped}",
        in_short(row["score"]),
        *([f"{row['rate']:.1%}"] if with_success else []),
        in_short(row["random"]),
        in_short(row["expert"]),
        one_decimal(row["percent_of_expert"]) if known else "no scale",
        " to ".join(f"{bound:.1f}" for bound in row["interval95"]) if known else "",
    ]


def _in_words(block: dict[str, Any]) -> str:
    count = block["tasks_with_a_scale"]
    if not count:
        return "no scale: the expert is no better than random play"
    mean = f"{one_decimal(block['mean_percent_of_expert'])} % of the way from random play to the expert"
    several = f", the mean of {count} tasks; {block['tasks_above_50']} above 50 %" if count > 1 else ""
    people = f"; {block['mean_percent_of_human']:.1f} % of people" if "mean_percent_of_human" in block else ""
    return f"{mean}{several}{people}"
