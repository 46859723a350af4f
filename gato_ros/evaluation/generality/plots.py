"""The two plots, made for 700 px of width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS, MARKERS = ("#3366aa", "#cc6611", "#338855", "#884499", "#777777"), "osD^v"
SPREAD = 1.03
"""Lines are moved apart by this factor, or their error bars would hide each other."""
IN_A_ROW = 3
PERCENT = "% of the expert"


def plot_adaptation(result: Mapping[str, Any], path: Path) -> None:
    """A panel for each task: score against demonstrations with its 95 % interval, a line for each start."""
    rows = [row for row in result["cells"] if row["percent_of_expert"] is not None]
    tasks = list(dict.fromkeys(row["task"] for row in rows)) or [""]
    columns = min(IN_A_ROW, len(tasks))
    lines = -(-len(tasks) // columns)
    figure = _figure(7, 4 if columns == 1 else 1 + 2.6 * lines)
    starts = [one["start"] for one in result["starts"]]
    for place, task in enumerate(tasks, 1):
        of_task = [row for row in rows if row["task"] == task]
        axes = figure.add_subplot(lines, columns, place, title=task)
        for turn, start in enumerate(starts):
            points = sorted((row for row in of_task if row["start"] == start), key=lambda row: row["demonstrations"])
            if points:
                x = [row["demonstrations"] * SPREAD ** (turn - (len(starts) - 1) / 2) for row in points]
                _line(axes, turn, start, x, points)
        _log_axis(axes, sorted({row["demonstrations"] for row in of_task}), "demonstrations")
        if place % columns == 1 or columns == 1:
            axes.set_ylabel(PERCENT)
        if place == 1 and rows:
            axes.legend()
    _save(figure, path)


def plot_scaling(result: Mapping[str, Any], path: Path) -> None:
    """The mean score of each domain against the number of parameters."""
    figure = _figure(7, 4)
    axes = figure.add_subplot()
    rows = [row for row in result["cells"] if row["mean_percent_of_expert"] is not None]
    for turn, domain in enumerate(dict.fromkeys(row["domain"] for row in rows)):
        points = sorted((row for row in rows if row["domain"] == domain), key=lambda row: row["parameters"])
        style = {"color": COLOURS[turn % len(COLOURS)], "marker": MARKERS[turn % len(MARKERS)], "linewidth": 2}
        x, y = ([row[key] for row in points] for key in ("parameters", "mean_percent_of_expert"))
        axes.plot(x, y, label=domain, markersize=7, **style)
    _log_axis(axes, sorted({row["parameters"] for row in rows}), "parameters")
    axes.set_ylabel(f"{PERCENT}, mean of the tasks")
    if rows:
        axes.legend()
    _save(figure, path)


def _line(axes: Axes, turn: int, name: str, x: Sequence[float], points: Sequence[Mapping[str, Any]]) -> None:
    y = [row["percent_of_expert"] for row in points]
    sides = [[abs(value - row["interval95"][side]) for value, row in zip(y, points)] for side in (0, 1)]
    axes.errorbar(
        x,
        y,
        sides,
        label=name,
        color=COLOURS[turn % len(COLOURS)],
        marker=MARKERS[turn % len(MARKERS)],
        markersize=6,
        linewidth=2,
        elinewidth=1.2,
        capsize=3,
    )


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _log_axis(axes: Axes, ticks: Sequence[int], title: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(title)
    axes.set_xticks(ticks, [f"{tick / 1e6:.1f} M" if tick >= 1e5 else f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    if ticks:
        axes.set_xlim(ticks[0] / 1.5, ticks[-1] * 1.5)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), max(high, 105.0))
    axes.axhline(100, color="#999999", linewidth=1, linestyle=":")
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", dpi=200)
    partial.replace(path)
