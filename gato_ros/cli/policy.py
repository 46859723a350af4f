"""Make a policy from nothing: collect, train, DAgger rounds, evaluate, model card.

Run the same command again after any interruption: what is done stays done. OUT/ledger.json tells how far it is.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gato_ros.core.bounds import Processes, check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.rgb_stacking.stage import CollectStage, Stage, TrainStage, product, reads, stated
from gato_ros.evaluation.option_checks import OutFolder

SET_ASIDE = "set_aside"


@dataclass(frozen=True)
class Options:
    """Which recipe, where, and how far."""

    recipe: str = "mastery"
    """`generalization` (no test object in training), `mastery` (goes on from there to all objects), `smoke` (toy)."""
    preset: str | None = None
    """A model in place of the recipe's; `sawyer_medium` where there is a GPU. It needs an --out of its own."""
    out: OutFolder | None = None
    """Folder of data, runs, results and ledger; default out/policy, for `smoke` out/policy-smoke."""
    until: str | None = None
    """Stop after this stage."""
    redo: tuple[str, ...] = ()
    """Do these stages again, and all that build on them. What they had made goes to OUT/set_aside."""
    list_stages: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Print the stages with their state and hours, and do nothing."""
    workers: Processes = os.cpu_count() or 1
    """Processes of collection and evaluation; they do not change the result."""
    json: Path | None = None
    """Write the final figures here as JSON."""


def run(options: Options) -> dict:
    """Do the stages that are left, in order; their states and figures."""
    from gato_ros.cli.policy_ledger import Ledger, alone, at_work
    from gato_ros.domains.rgb_stacking.recipe import recipe

    check_bounds(options)
    stages = recipe(options.recipe, options.preset)
    out = options.out or Path("out/policy-smoke" if options.recipe == "smoke" else "out/policy")
    out = Path(os.path.relpath(out)) if out.resolve().is_relative_to(Path.cwd()) else out.resolve()
    for name in (*options.redo, *([options.until] if options.until else [])):
        if name not in (known := [stage.name for stage in stages]):
            raise unknown_name("a stage", name, known)
    if options.list_stages:
        ledger = Ledger(out, at_work(out))
        _print_table(stages, ledger)
        return _result(stages, ledger, out)
    last = next((i for i, stage in enumerate(stages) if stage.name == options.until), len(stages) - 1)
    with alone(out):
        ledger = Ledger(out)
        again = _again(stages, options.redo, ledger)
        _refuse_changes([stage for stage in stages[: last + 1] if stage.name not in again], ledger)
        growing = {stage.name for stage in stages if stage.name in options.redo and _grows(stage, ledger)}
        for name, made in again.items():
            if name not in growing:
                _set_aside(name, made, out)
            ledger.forget(name)
        _run_all(stages[: last + 1], len(stages), ledger, out, options.workers)
        return _result(stages, ledger, out)


def _run_all(stages: tuple[Stage, ...], count: int, ledger, out: Path, workers: int) -> None:
    from gato_ros.cli.policy_stage import files_made, run_stage, what

    left = [stage for stage in stages if ledger.state(stage) != "done"]
    print(f"{len(stages) - len(left)} of {count} stages are done; ledger in {out}", flush=True)
    for place, stage in enumerate(stages, 1):
        if stage not in left:
            continue
        print(f"[{place}/{count}] {stage.name}: {what(stage)}", flush=True)
        with ledger.sitting(stage, files_made(stage, out)) as result:
            result.update(run_stage(stage, out, workers, ledger))
        print(f"[{place}/{count}] {stage.name}: done, {ledger.seconds(stage) / 3600:.2f} h in all", flush=True)


def _refuse_changes(stages: list[Stage], ledger) -> None:
    changed = {stage.name: found for stage in stages if (found := ledger.changes(stage))}
    if changed:
        before, now = (
            [f"{name} with {key} = {values[i]}" for name, found in changed.items() for key, values in found.items()]
            for i in (0, 1)
        )
        raise SetupError(
            expected=f"the recipe that was begun: {'; '.join(before)}",
            got="; ".join(now),
            fix=f"use another --out, or --redo {' '.join(changed)}",
        )


def _again(stages: tuple[Stage, ...], redo: tuple[str, ...], ledger) -> dict[str, str]:
    """Name -> product of the stages to do again: those asked for, and what was begun on top of them, of any recipe."""
    again = {
        stage.name: product(ledger.entries.get(stage.name, {}).get("options") or stated(stage))
        for stage in stages
        if stage.name in redo
    }
    for name, entry in ledger.entries.items():
        if any(reads(entry["options"], made) for made in again.values()):
            again[name] = product(entry["options"])
    return again


def _grows(stage: Stage, ledger) -> bool:
    """Whether all that changed is that more is to be collected."""
    changes = ledger.changes(stage)
    return isinstance(stage, CollectStage) and set(changes) == {"episodes"} and changes["episodes"][0] < stage.episodes


def _set_aside(name: str, made: str, out: Path) -> None:
    if (out / made).exists():
        aside = out / SET_ASIDE / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**6:06d}" / made
        aside.parent.mkdir(parents=True)
        (out / made).rename(aside)
        print(f"{name}: {out / made} is now {aside}")


def _result(stages: tuple[Stage, ...], ledger, out: Path) -> dict:
    rows = [
        {
            "stage": stage.name,
            "state": ledger.state(stage),
            "seconds": ledger.seconds(stage),
            "result": ledger.entries.get(stage.name, {}).get("result"),
        }
        for stage in stages
    ]
    return {"out": str(out), "hours": sum(row["seconds"] for row in rows) / 3600, "stages": rows}


def _print_table(stages: tuple[Stage, ...], ledger) -> None:
    from rich.table import Table

    from gato_ros.cli.policy_stage import what
    from gato_ros.evaluation.console import make_console

    table = Table("stage", "what", "state", "hours", "came to", box=None)
    for stage in stages:
        hours = f"{ledger.seconds(stage) / 3600:.2f}" if ledger.seconds(stage) else ""
        table.add_row(stage.name, what(stage), ledger.state(stage), hours, _came_to(stage, ledger))
    make_console().print(table)
    print(f"{sum(map(ledger.seconds, stages)) / 3600:.2f} h so far")


def _came_to(stage: Stage, ledger) -> str:
    result = ledger.entries.get(stage.name, {}).get("result") or {}
    if isinstance(stage, CollectStage):
        return f"{result['files']} files" if result else ""
    if isinstance(stage, TrainStage):
        best = result.get("best_rate")
        return f"best closed loop {best:.0%}" if best is not None else ""
    return result.get("card") or ", ".join(
        f"{name} {row['successes']} of {row['episodes']}" for name, row in result.get("sets", {}).items()
    )
