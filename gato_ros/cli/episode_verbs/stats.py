"""Figures of episodes: rates, gaps, skew between channels, values out of range, how far the actions reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Options:
    """Which episodes."""

    places: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of episodes, or files."""
    json: Path | None = None
    """Write the figures here as JSON: of all together, and of each."""


def run(options: Options) -> dict:
    """Read every episode; the figures of all together and of each."""
    from gato_ros.data.episodes.statistics import describe, read_figures
    from gato_ros.data.episodes.summary import chosen_files
    from gato_ros.evaluation.progress import counted

    paths, parts = chosen_files(options.places), []
    with counted("read", len(paths), transient=True) as advance:
        for path in paths:
            parts.append(read_figures(path))
            advance(path.name)
    result = {
        "ok": True,
        **describe(parts),
        "each": [{"file": str(path), **describe([one])} for path, one in zip(paths, parts)],
    }
    _print(result)
    return result


def _print(result: dict) -> None:
    from rich.table import Column, Table

    from gato_ros.evaluation.console import make_console

    console = make_console()
    sources = ", ".join(f"{name} {count}" for name, count in result["sources"].items())
    console.print(
        f"{result['episodes']} episodes, {result['steps']} steps, {result['seconds']:.0f} s; in command: "
        f"{sources}; {', '.join(result['contracts'])}"
    )
    table = Table(
        Column("milliseconds", overflow="fold"),
        *(Column(name, no_wrap=True) for name in ("p50", "p99", "max", "Hz", "lost")),
        show_edge=False,
    )
    for name, spread, rate_hz, lost in (
        ("between steps", result["tick_ms"], result["rate_hz"], result["lost_ticks"]),
        ("between channels", result["skew_ms"], None, None),
        *((f"age of {key}", spread, None, None) for key, spread in result["age_ms"].items()),
        *((topic, one["interval_ms"], one["rate_hz"], one["lost"]) for topic, one in result["sensors"].items()),
    ):
        if spread:
            table.add_row(
                name,
                *(f"{spread[key]:.1f}" for key in ("p50", "p99", "max")),
                "" if rate_hz is None else f"{rate_hz:.1f}",
                "" if lost is None else str(lost),
            )
    console.print(table)
    for key, count in result["images"].items():
        console.print(f"{key}: {count} images, {result['repeated_images'][key]} the same as the one before")
    for key, row in result["out_of_range"].items():
        console.print(
            f"{key}: up to {row['share']:.1%} of values out of the contract's range: {row['outside']}", style="red"
        )
    _print_actions(console, result)


def _print_actions(console, result: dict) -> None:
    from rich.table import Column, Table

    for kind, head in (("actions", "label"), ("executed", "executed")):
        table = Table(
            Column(head, no_wrap=True), "min", "p1", "p50", "p99", "max", "at bounds", "beyond", "NaN", show_edge=False
        )
        for name, row in result[kind].items():
            shares = [f"{row[key]:.1%}" if key in row else "?" for key in ("at_bounds", "beyond_bounds")]
            reach = [f"{row[key]:.3f}" if key in row else "" for key in ("min", "p1", "p50", "p99", "max")]
            table.add_row(name, *reach, *shares, str(row["not_finite"]), style="red" if row["not_finite"] else None)
        console.print(table)
