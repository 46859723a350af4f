"""How success depends on demonstrations, on model size, or on where a new task is learned from.

`demonstrations`: one model, nested subsets of one folder (its first files, by seed). `size`: one data set, several
models. `few_shot`: a new task (blue on green) from the weights of --init against from nothing; without --data its
demonstrations are collected first. All else is equal, gradient steps too. The same command goes on where it
stopped; OUT/study.json, study.png and study.md hold what is done so far. --list shows the cells.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from gato_ros.core.bounds import LARGEST_COUNT, Episodes, Processes, Seed, Within, check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.training.config import TrainingConfig

if TYPE_CHECKING:
    from gato_ros.cli.study_cell import Cell

NEW_TASK = "blue_on_green"
DEMONSTRATIONS = {"demonstrations": (10, 100, 1000), "few_shot": (10, 30, 100)}
COLLECT_AT_MOST = 4
"""Episodes attempted per demonstration wanted, at most: failed ones are not kept."""


@dataclass(frozen=True)
class Options:
    """Which study, on what, and how large."""

    name: Annotated[Literal["demonstrations", "size", "few_shot"], tyro.conf.Positional]
    """The study."""
    out: OutFolder
    """Folder of the study: a folder per cell, and the result."""
    data: tuple[Path, ...] = ()
    """Folders with demonstrations, by `collect`; exactly one where their number is studied."""
    init: Path | None = None
    """Of few_shot: the weights that learned another task, a folder or a shipped name."""
    demonstrations: tuple[Annotated[int, Within(2, LARGEST_COUNT)], ...] = ()
    """How many files to learn from (1 in 20 is held out); default 10 100 1000, of few_shot 10 30 100."""
    preset: str = "sawyer_small"
    """The model, where its size is not studied."""
    presets: tuple[str, ...] = ("sawyer_tiny", "sawyer_small", "sawyer_medium")
    """The models of `size`."""
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(steps=6000))
    """Of every cell: steps, batch, rates, augmentation."""
    set: str = "cubes"
    """Object set to collect and to evaluate."""
    episodes: Episodes = 100
    """Evaluation episodes of each cell."""
    seed: Seed = 900_000
    """First seed of the evaluation; all cells meet the same starts."""
    workers: Processes = os.cpu_count() or 1
    """Processes of collection and evaluation; they do not change the result."""
    list_cells: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Show the cells and their state, and do nothing."""
    json: Path | None = None
    """Write the result here, too."""


def run(options: Options) -> dict:
    """Do the cells that are left, in order; the study's result."""
    from gato_ros.cli.study_cell import evaluate_cell, train_cell

    cells = study_cells(options)
    if options.list_cells:
        _print_states(options, cells)
        return _result(options, cells)
    _check(options, cells)
    if options.name == "few_shot" and not options.data:
        _collect(options)
    for number, cell in enumerate(cells, 1):
        print(f"cell {number} of {len(cells)}: {cell.name}")
        train_cell(cell, options)
        evaluate_cell(cell, options)
        result = _write(options, cells)
    _print_states(options, cells)
    print(f"{options.out / 'study.md'}, study.json and study.png")
    return result


def study_cells(options: Options) -> tuple[Cell, ...]:
    """The trainings of the study, each with its evaluation."""
    from gato_ros.cli.study_cell import Cell

    counts = options.demonstrations or DEMONSTRATIONS.get(options.name, ())
    if options.name == "size":
        return tuple(Cell(preset, "", preset, options.data) for preset in options.presets)
    data = options.data or (options.out / "demonstrations",)
    if options.name == "demonstrations":
        return tuple(Cell(f"{count:04d}", "", options.preset, data, count) for count in counts)
    starts = (("pretrained", options.init), ("from_nothing", None))
    return tuple(
        Cell(f"{count:04d}_{start}", start.replace("_", " "), options.preset, data, count, init, NEW_TASK)
        for start, init in starts
        for count in counts
    )


def _check(options: Options, cells: tuple[Cell, ...]) -> None:
    """Refuse now what would end the study hours later."""
    from gato_ros.cli.study_cell import check_cell, evaluation

    _check_names(options)
    _check_numbers(options, cells)
    if options.name == "few_shot":
        _check_init(options)
    elif not options.data:
        raise SetupError(expected="--data with demonstrations", got="none", fix="see `collect`")
    if options.name != "size" and len(options.data) > 1:
        raise SetupError(
            expected=f"one folder of --data for {options.name}",
            got=str(len(options.data)),
            fix="a number of demonstrations in several folders would be ambiguous",
        )
    if options.data and options.name != "size":
        _enough(options.data[0], max(cell.limit for cell in cells))
    for cell in cells:
        evaluation(cell, options, policy="hold")
        check_cell(cell, options)


def _check_names(options: Options) -> None:
    from gato_ros.models.presets import single_step_presets
    from gato_ros.sim.task import OBJECT_SETS

    trainable = single_step_presets()
    for name in options.presets if options.name == "size" else [options.preset]:
        if name not in trainable:
            raise unknown_name("a single-step preset", name, trainable)
    if options.set not in (groups := (*OBJECT_SETS, "triplets", "all")):
        raise unknown_name("an object set", options.set, groups)


def _check_numbers(options: Options, cells: tuple[Cell, ...]) -> None:
    check_bounds(options)
    _check_belongs(options)
    if options.name == "size" and options.demonstrations:
        raise SetupError(
            expected="no --demonstrations with size",
            got=str(options.demonstrations),
            fix="its models learn from all of --data",
        )
    names = [cell.name for cell in cells]
    if len(set(names)) < len(names) or any(cell.limit is not None and cell.limit < 2 for cell in cells):
        raise SetupError(
            expected="different numbers of demonstrations of at least 2, or different presets",
            got=", ".join(names),
            fix="name each once",
        )


def _check_belongs(options: Options) -> None:
    """Refuse options of another study, which would count for nothing."""
    plain = {"init": None, "preset": Options.preset, "presets": Options.presets}
    foreign = {"demonstrations": ("init", "presets"), "size": ("init", "preset"), "few_shot": ("presets",)}
    for name in foreign[options.name]:
        if getattr(options, name) != plain[name]:
            raise SetupError(
                expected=f"no --{name} with {options.name}",
                got=f"--{name} {getattr(options, name)}",
                fix="leave it out",
            )


def _enough(folder: Path, wanted: int) -> None:
    if (found := files(folder)) < wanted:
        raise SetupError(
            expected=f"{wanted} files of demonstrations in {folder}",
            got=str(found),
            fix="collect more, or study fewer with --demonstrations",
        )


def files(folder: Path) -> int:
    """How many episodes and snapshot files there are."""
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.data.frames import SUFFIX

    return len(episode_paths(folder)) + len(list(folder.glob(f"*{SUFFIX}")))


def _check_init(options: Options) -> None:
    from gato_ros.models.presets import PRESETS
    from gato_ros.models.weights import weights_config
    from gato_ros.training.starting_weights import different

    if options.init is None:
        raise SetupError(expected="--init with weights to start from", got="none", fix="give a policy's folder or name")
    if different(weights_config(options.init), PRESETS[options.preset]):
        raise SetupError(
            expected=f"weights of {options.preset} in {options.init}", got="another model", fix="choose its --preset"
        )


def _collect(options: Options) -> None:
    """Demonstrations of the new task, until there are enough; those that exist are not made again."""
    from gato_ros.cli import collect

    folder, wanted = options.out / "demonstrations", max(options.demonstrations or DEMONSTRATIONS["few_shot"])
    attempts = wanted
    while files(folder) < wanted and attempts <= COLLECT_AT_MOST * wanted:
        collect.run(
            collect.Options(out=folder, objects=options.set, task=NEW_TASK, episodes=attempts, workers=options.workers)
        )
        attempts += max(1, wanted // 10)
    _enough(folder, wanted)


def _result(options: Options, cells: tuple[Cell, ...]) -> dict[str, Any]:
    from gato_ros.cli.study_cell import figures

    rows = [figures(cell, options) for cell in cells]
    return {
        "study": options.name,
        "set": options.set,
        "seed": options.seed,
        "steps": options.training.steps,
        "batch": options.training.batch,
        "task": cells[0].task,
        "init": str(options.init) if options.init else None,
        "cells": rows,
    }


def _write(options: Options, cells: tuple[Cell, ...]) -> dict[str, Any]:
    from gato_ros.cli.study_plots import markdown, plot
    from gato_ros.core.files import write_json

    result = _result(options, cells)
    write_json(options.out / "study.json", result)
    (options.out / "study.md").write_text(markdown(result))
    plot(result, options.out / "study.png")
    return result


def _print_states(options: Options, cells: tuple[Cell, ...]) -> None:
    from rich.table import Table

    from gato_ros.cli.study_cell import state
    from gato_ros.evaluation.console import make_console

    table = Table("cell", "model", "files", "starts from", "state", title=f"study {options.name} in {options.out}")
    for cell in cells:
        table.add_row(
            cell.name, cell.preset, str(cell.limit or "all"), str(cell.init or "nothing"), state(cell, options)
        )
    make_console().print(table)
