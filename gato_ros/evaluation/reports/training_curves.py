"""The curves of training runs that follow one another, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gato_ros.training.dashboard import read_curves

LENGTHS = {
    name: tuple(f"error_{name}_{axis}" for axis in axes)
    for name, axes in {"red": "xyz", "blue": "xyz", "grasp": "xyz", "place": "xy"}.items()
}
THOUSANDTH = {"m/s": "mm/s", "rad/s": "mrad/s", "m": "mm", "rad": "mrad"}
"""Unit -> that of the same value times 1000."""


def draw_curves(runs: Sequence[Path], picture: Path, units: Mapping[str, str]) -> bool:
    """Write the PNG `picture` of the folders `runs`, one after another; False if they hold no curves.

    Args:
        units: of each value of the arm's action, by its name; those of the first one's unit are drawn.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves, starts = _in_a_row(runs)
    if not starts[-1]:
        return False
    unit = next(iter(units.values()))
    figure = Figure(figsize=(10, 6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = {
        "loss": "loss",
        "mm": "validation error of positions [mm]",
        "action": f"validation error of the action [{THOUSANDTH[unit]}]",
        "success": "closed-loop success",
    }
    axes = dict(zip(panels, figure.subplots(2, 2).flat))
    for name, text in panels.items():
        axes[name].set(title=text, xlabel="gradient step", xlim=(0, starts[-1]))
        for start in starts[1:-1]:
            axes[name].axvline(start, color="#bbbbbb", linewidth=0.8)
    _line(axes["loss"], curves, starts, "train", ("loss",), "training")
    _line(axes["loss"], curves, starts, "validation", ("loss",), "validation")
    for label, keys in LENGTHS.items():
        _line(axes["mm"], curves, starts, "validation", keys, label)
    for name in (name for name in units if units[name] == unit):
        _line(axes["action"], curves, starts, "validation", (f"error_{name}",), name, 1000)
    _line(axes["success"], curves, starts, "closed_loop", ("rate",), "rate")
    axes["success"].set_ylim(0, 1)
    for name in panels:
        if not axes[name].get_legend_handles_labels()[1]:
            axes[name].text(0.5, 0.5, "not measured", transform=axes[name].transAxes, ha="center")
        elif name != "success":
            axes[name].set_yscale("log")
            axes[name].legend(fontsize="small")
    _save(figure, picture)
    return True


def draw_part_curves(runs: Sequence[Path], picture: Path) -> bool:
    """The same of trainings on a mixture: what each part comes to on what is held out, a panel for each of its losses
    and one for how often the likeliest move is the expert's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves, starts = _in_a_row(runs)
    keys = {key for reports in curves for row in reports.get("validation", {}).values() for key in row if "/" in key}
    panels = {
        "action_loss": "loss of actions, held out",
        "text_loss": "loss of text, held out",
        "move_accuracy": "likeliest move is the expert's, held out",
    }
    shown = {ending: sorted(key for key in keys if key.endswith(f"/{ending}")) for ending in panels}
    shown = {ending: found for ending, found in shown.items() if found}
    if not shown:
        return False
    figure = Figure(figsize=(5 * len(shown), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (ending, found) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items()):
        axes.set(title=panels[ending], xlabel="gradient step", xlim=(0, starts[-1]))
        for start in starts[1:-1]:
            axes.axvline(start, color="#bbbbbb", linewidth=0.8)
        for key in found:
            _line(axes, curves, starts, "validation", (key,), key.partition("/")[0])
        if ending.endswith("loss"):
            axes.set_yscale("log")
        # Below, where no curve runs.
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    _save(figure, picture)
    return True


def _in_a_row(runs: Sequence[Path]) -> tuple[list[dict], list[int]]:
    """The curves of each run, and the step at which each begins, and the last one ends."""
    curves, starts = [], [0]
    for run in runs:
        curves.append(read_curves(run))
        starts.append(starts[-1] + max((step for rows in curves[-1].values() for step in rows), default=0))
    return curves, starts


def _save(figure: Any, picture: Path) -> None:
    partial = picture.with_name(picture.name + ".partial")
    figure.savefig(partial, format="png", dpi=90)
    partial.replace(picture)


def _line(
    axes: Any, curves: list[dict], starts: list[int], kind: str, keys: Sequence[str], label: str, factor: float = 1.0
) -> None:
    """The mean of `keys` over all runs; nothing where it is 0 all along (a truth that the data does not have)."""
    points = [
        (start + step, factor * sum(row[key] for key in keys) / len(keys))
        for start, reports in zip(starts, curves)
        for step, row in sorted(reports.get(kind, {}).items())
        if all(key in row for key in keys)
    ]
    if points and (kind == "closed_loop" or any(value for _, value in points)):
        axes.plot(*zip(*points), label=label, marker="o" if len(points) < 30 else None, markersize=3)
