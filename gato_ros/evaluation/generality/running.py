"""Cells in their order, each once: what a study of either kind does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.evaluation.generality.settings import RESULT_FILE
from gato_ros.evaluation.policy_build.ledger import Ledger, alone


def run_cells(
    out: Path,
    stages: Sequence[Any],
    work: Callable[[Any], dict[str, Any]],
    result: Callable[[Sequence[dict[str, Any]]], dict[str, Any]],
    plot: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Do the cells that are left; the result, which is also written and plotted after each of them.

    Args:
        work: one cell -> its row of the result; {} for one that has none.
        result: rows so far -> the whole.

    Raises:
        SetupError: a study of other options is in `out`, or somebody is at work there.
    """
    with alone(out):
        ledger = Ledger(out)
        if changed := {stage.name: found for stage in stages if (found := ledger.changes(stage))}:
            name, (key, (before, now)) = next((name, next(iter(found.items()))) for name, found in changed.items())
            raise SetupError(
                expected=f"the study in {out} to go on as it began: {key} = {before} in {name}",
                got=f"{key} = {now}",
                fix="give the same options, or another --out",
            )
        whole = result([])
        for place, stage in enumerate(stages, 1):
            print(f"[{place}/{len(stages)}] {stage.name}", flush=True)
            if ledger.state(stage) != "done":
                with ledger.sitting(stage, 0) as figures:
                    figures.update(work(stage))
            rows = [ledger.entries[one.name]["result"] for one in stages[:place] if ledger.state(one) == "done"]
            whole = result([row for row in rows if row])
            write_json(out / RESULT_FILE, whole)
            if whole["cells"]:
                plot(whole)
    return whole
