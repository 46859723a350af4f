"""A study's result as a plot for a README and as a Markdown table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXES = {
    "demonstrations": ("demonstrations", "demonstrations"),
    "few_shot": ("demonstrations", "demonstrations of the new task"),
    "size": ("parameters", "parameters"),
}
"""Study -> the key of a cell that is the x axis, and the axis' title."""
COLOURS, MARKERS = ("#3366aa", "#cc6611", "#338855"), "osD"
SPREAD = 1.03
"""Lines are moved apart by this factor, or their error bars would hide each other."""


def plot(result: dict[str, Any], path: Path) -> None:
    """Success against x with Wilson's 95 % intervals, one line per series; made for 700 px of width."""
    from matplotlib.figure import Figure

    key, title = AXES[result["study"]]
    rows = [row for row in result["cells"] if row["episodes"]]
    figure = Figure(figsize=(7, 4), layout="constrained")
    ticks = sorted({row[key] for row in rows})
    axes = figure.add_subplot(xscale="log", xlim=(ticks[0] / 1.5, ticks[-1] * 1.5), ylim=(-3, 103))
    series = list(dict.fromkeys(row["series"] for row in rows))
    for i, name in enumerate(series):
        points = sorted((row for row in rows if row["series"] == name), key=lambda row: row[key])
        x = [row[key] * SPREAD ** (i - (len(series) - 1) / 2) for row in points]
        y = [100 * row["rate"] for row in points]
        below = [value - 100 * row["wilson95"][0] for value, row in zip(y, points)]
        above = [100 * row["wilson95"][1] - value for value, row in zip(y, points)]
        axes.errorbar(
            x,
            y,
            [[max(0.0, one) for one in below], [max(0.0, one) for one in above]],
            label=name,
            color=COLOURS[i % 3],
            marker=MARKERS[i % 3],
            markersize=7,
            linewidth=2,
            elinewidth=1.5,
            capsize=4,
        )
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=12)
    axes.set_xlabel(title, fontsize=13)
    axes.set_ylabel("episodes stacked [%]", fontsize=13)
    if len(series) > 1:
        axes.legend(fontsize=12, loc="best")
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", dpi=200)
    partial.replace(path)


def _short(number: int) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e5 else f"{number:,}"


def markdown(result: dict[str, Any]) -> str:
    """The result as a table, and under it what all cells have in common."""
    head = [
        "start",
        "model",
        "parameters",
        "demonstrations",
        "frames",
        "stacked",
        "rate",
        "95 % interval",
        "mean steps",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in result["cells"]:
        values = [
            row["series"] or "from nothing",
            row["preset"],
            _short(row["parameters"]),
            str(row["demonstrations"] or "all"),
            f"{row['frames']:,}" if row["frames"] else "",
        ]
        if row["episodes"]:
            low, high = row["wilson95"]
            values += [
                f"{row['successes']} of {row['episodes']}",
                f"{row['rate']:.0%}",
                f"{low:.0%} - {high:.0%}",
                f"{row['mean_steps']:.0f}",
            ]
        else:
            values += ["to do", "", "", ""]
        lines.append("| " + " | ".join(values) + " |")
    start = f" The pretrained cells start from {result['init']}." if result["init"] else ""
    lines += [
        "",
        f"Every cell: {result['steps']:,} steps of {result['batch']} frames; {result['set']}, "
        f"{result['task']}, seeds from {result['seed']}. One training each: the intervals tell the chance in "
        f"the episodes, not that between trainings.{start}",
        "",
    ]
    return "\n".join(lines)
