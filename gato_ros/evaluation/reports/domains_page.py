"""The scores of one policy in several domains as one page that needs nothing beside it."""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gato_ros.evaluation.foreign.table import in_short, named, one_decimal

TEMPLATE = Path(__file__).with_name("domains.html.jinja")
THRESHOLDS = tuple(range(0, 101, 2))


def write_domains_page(path: Path, result: Mapping[str, Any], films: Sequence[Any], no_films: str) -> None:
    """Write the page, whole or not at all.

    Args:
        result: what `evaluate` found.
        films: of some episodes, in the order in which they are shown.
        no_films: what the page says where there are none.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.from_string(TEMPLATE.read_text()).render(
        who=named(result["policy"]),
        made=datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        result=result,
        chart=threshold_chart(result["domains"]),
        films=films,
        no_films=no_films,
        one=lambda value: "-" if value is None else one_decimal(value),
        short=in_short,
        at=lambda value: f"{min(100.0, max(0.0, value)):.2f}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page)
    partial.replace(path)


def tasks_above(domains: Mapping[str, Any]) -> dict[str, list[int]]:
    """Domain -> for each of THRESHOLDS [% of the expert] the number of tasks that reach it."""
    return {
        name: [
            sum(
                row["percent_of_expert"] is not None and row["percent_of_expert"] >= least
                for row in rows["tasks"].values()
            )
            for least in THRESHOLDS
        ]
        for name, rows in domains.items()
    }


def threshold_chart(domains: Mapping[str, Any]) -> str:
    """The paper's Figure 5 as SVG: how many tasks reach a share of the expert's score, domain upon domain."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    counts = tasks_above(domains)
    figure = Figure(figsize=(8.2, 3.4), layout="constrained")
    canvas, axes = FigureCanvasSVG(figure), figure.subplots()
    axes.stackplot(THRESHOLDS, list(counts.values()), labels=list(counts), alpha=0.85)
    total = sum(len(rows["tasks"]) for rows in domains.values())
    axes.set(xlabel="% of the expert, 0 % is random play", ylabel="tasks", xlim=(0, 100), ylim=(0, max(1, total)))
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="upper right", fontsize="small")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.StringIO()
    canvas.print_svg(out)
    text = out.getvalue()
    return text[text.index("<svg") :]
