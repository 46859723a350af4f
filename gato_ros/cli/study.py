"""How success depends on demonstrations, on model size, or on where a new task is learned from.

`adaptation` and `scaling` are studies of a generalist in any domain, `reliance` of what a policy's action depends on;
they have options of their own: `study adaptation --help`. The others are of the stacking cell and its single-step
presets.

`demonstrations`: one model, nested subsets of one folder (its first files, by seed). `size`: one data set, several
models. `few_shot`: a new task (blue on green) from the weights of --init against from nothing; without --data its
demonstrations are collected first. All else is equal, gradient steps too. The same command goes on where it
stopped; OUT/study.json, study.png and study.md hold what is done so far. --list shows the cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from gato_ros.evaluation.generality.settings import Adaptation, Scaling
from gato_ros.evaluation.studies.reliance import Reliance
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


@dataclass(frozen=True)
class AdaptationOptions(Adaptation):
    """Which task, and how much."""

    json: Path | None = None
    """Write the result here, too."""


@dataclass(frozen=True)
class ScalingOptions(Scaling):
    """Which weights, and where."""

    json: Path | None = None
    """Write the result here, too."""


@dataclass(frozen=True)
class RelianceOptions(Reliance):
    """Which weights, and on what."""

    json: Path | None = None
    """Write the result here."""


GENERAL: dict[str, tuple[Any, str]] = {
    "adaptation": (
        AdaptationOptions,
        "A task from few demonstrations, learned from weights against from nothing (Gato, Figures 9 and 10).\n\nThe "
        "numbers of training are those of the generalist's mixture for the domain. The same command goes on where it "
        "stopped; OUT/study.json and study.png hold what is done so far.",
    ),
    "scaling": (
        ScalingOptions,
        "Scores of several weights by their number of parameters (Gato, Figure 8).\n\nThe same command goes on where "
        "it stopped; OUT/study.json and study.png hold what is done so far.",
    ),
    "reliance": (
        RelianceOptions,
        "What a policy's action relies on: pictures, proprioception, or what it did before.\n\n"
        "In recorded steps one of these at a time is exchanged for another episode's. Weights that remember can copy "
        "their own last action: then past_actions moves the action most, and pictures least. It needs no simulator.",
    ),
}
"""Studies with options of their own, and what they are."""


AnyOptions = Options | AdaptationOptions | ScalingOptions | RelianceOptions


def parse(args: list[str], **more: Any) -> AnyOptions:
    """The options of a command line."""
    if args and args[0] in GENERAL:
        kind, description = GENERAL[args[0]]
        about = {**more, "description": description}
        if "prog" in about:
            about["prog"] += f" {args[0]}"
        return tyro.cli(kind, args=args[1:], **about)
    return tyro.cli(Options, args=args, **more)


def run(options: AnyOptions) -> dict:
    """Do the cells that are left, in order; the study's result."""
    if isinstance(options, RelianceOptions):
        from gato_ros.evaluation.studies.reliance import study_reliance

        result = study_reliance(options)
        _print_reliance(result)
        return result
    if isinstance(options, AdaptationOptions):
        from gato_ros.evaluation.generality.adaptation import study_adaptation

        return _said(study_adaptation(options), options.out)
    if isinstance(options, ScalingOptions):
        from gato_ros.evaluation.generality.scaling import study_scaling

        return _said(study_scaling(options), options.out)
    from gato_ros.evaluation.studies.study import run_study, study_cells, study_result

    cells = study_cells(options)
    result = study_result(options, cells) if options.list_cells else run_study(options)
    _print_states(options, cells)
    if not options.list_cells:
        print(f"{options.out / 'study.md'}, study.json and study.png")
    return result


def _said(result: dict, out: Path) -> dict:
    print(f"{out / 'study.json'} and {out / 'study.png'}")
    return result


def _print_reliance(result: dict) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    title = f"{result['policy']}, {result['samples']} steps of {result['episodes']} episodes, mean over the dimensions"
    table = Table(title=title)
    for name in ("exchanged", "divergence [nat]", "action moves [% of range]", "error [% of range]"):
        table.add_column(name, justify="left" if name == "exchanged" else "right")
    for name, row in result["conditions"].items():
        shares = row["share_of_range"]
        nat = f"{row['nat']:.3f} +- {row['nat_error']:.3f}"
        table.add_row(name, nat, f"{100 * shares['change']:.1f}", f"{100 * shares['error']:.1f}")
    make_console().print(table)


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
