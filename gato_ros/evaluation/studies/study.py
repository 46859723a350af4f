"""The study itself: the cells that are left, in order, and the result so far after each."""

from __future__ import annotations

from typing import Any

from gato_ros.core.files import write_json
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.studies.cell import Cell, evaluate_cell, figures, train_cell
from gato_ros.evaluation.studies.checks import check_study, files, require_files
from gato_ros.evaluation.studies.plots import markdown, plot
from gato_ros.evaluation.studies.settings import DEMONSTRATIONS, NEW_TASK, Study

COLLECT_AT_MOST = 4
"""Episodes attempted per demonstration wanted, at most: failed ones are not kept."""


def run_study(study: Study) -> dict[str, Any]:
    """Do the cells that are left, in order; the study's result.

    Raises:
        SetupError: what does not fit together, before anything is made.
    """
    cells = study_cells(study)
    check_study(study, cells)
    if study.name == "few_shot" and not study.data:
        collect_new_task(study)
    for number, cell in enumerate(cells, 1):
        print(f"cell {number} of {len(cells)}: {cell.name}")
        train_cell(cell, study)
        evaluate_cell(cell, study)
        result = _write(study, cells)
    return result


def study_cells(study: Study) -> tuple[Cell, ...]:
    """The trainings of the study, each with its evaluation."""
    counts = study.demonstrations or DEMONSTRATIONS.get(study.name, ())
    if study.name == "size":
        return tuple(Cell(preset, "", preset, study.data) for preset in study.presets)
    data = study.data or (study.out / "demonstrations",)
    if study.name == "demonstrations":
        return tuple(Cell(f"{count:04d}", "", study.preset, data, count) for count in counts)
    starts = (("pretrained", study.init), ("from_nothing", None))
    return tuple(
        Cell(f"{count:04d}_{start}", start.replace("_", " "), study.preset, data, count, init, NEW_TASK)
        for start, init in starts
        for count in counts
    )


def collect_new_task(study: Study) -> None:
    """Demonstrations of the new task, until there are enough; those that exist are not made again."""
    folder, wanted = study.out / "demonstrations", max(study.demonstrations or DEMONSTRATIONS["few_shot"])
    attempts = wanted
    while files(folder) < wanted and attempts <= COLLECT_AT_MOST * wanted:
        collect(
            Collection(
                out=folder, objects=study.set, task=NEW_TASK, episodes=attempts, workers=study.workers, ray=study.ray
            )
        )
        attempts += max(1, wanted // 10)
    require_files(folder, wanted)


def study_result(study: Study, cells: tuple[Cell, ...]) -> dict[str, Any]:
    rows = [figures(cell, study) for cell in cells]
    return {
        "study": study.name,
        "set": study.set,
        "seed": study.seed,
        "steps": study.training.steps,
        "batch": study.training.batch,
        "task": cells[0].task,
        "init": str(study.init) if study.init else None,
        "cells": rows,
    }


def _write(study: Study, cells: tuple[Cell, ...]) -> dict[str, Any]:
    result = study_result(study, cells)
    write_json(study.out / "study.json", result)
    (study.out / "study.md").write_text(markdown(result))
    plot(result, study.out / "study.png")
    return result
