"""The build itself: the stages that are left, in order, after those that are requested again."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gato_ros.core.bounds import Processes, check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.generalist.stage import GatherStage
from gato_ros.domains.recipes import Stage, recipe
from gato_ros.domains.rgb_stacking.stage import CollectStage, product, reads, stated
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.option_checks import OutFolder
from gato_ros.evaluation.policy_build.ledger import Ledger, alone, at_work
from gato_ros.evaluation.policy_build.stages import files_made, run_stage, what

SET_ASIDE = "set_aside"
FOLDERS = {
    "smoke": "policy-smoke",
    "refine": "refine",
    "refine_generalization": "refine_generalization",
    "refine_smoke": "refine-smoke",
    "tasks": "tasks",
    "tasks_streaming": "tasks",
    "tasks_smoke": "tasks-smoke",
    "generalist": "generalist",
    "generalist_smoke": "generalist-smoke",
}
"""Of recipes that are not made in `policy`."""
OF_ARM = {"arm": "", "arm_smoke": "-smoke", "refine": "-refine"}
"""What follows the name of an arm's contract."""


@dataclass(frozen=True)
class PolicyBuild:
    """Which recipe, where, and how far."""

    recipe: str = "mastery"
    """`generalization` (no test object in training), `mastery` (goes on from there to all objects), `refine` and
    `refine_generalization` (more training for the shipped policies of the two), `tasks` (stack, lift and push the cubes
    by text), `tasks_streaming` (and then with a memory, by demonstration), `generalist` (all domains), `arm` (the
    cubes, another arm, from the shipped weights), `smoke`, `refine_smoke`, `tasks_smoke`, `arm_smoke` and
    `generalist_smoke` (toys)."""
    embodiment: str | None = None
    """With the recipe `arm`, or with `refine` for the shipped weights of another arm: its contract, name or path."""
    preset: str | None = None
    """A model in place of the recipe's; `sawyer_medium` where there is a GPU. It needs an --out of its own."""
    out: OutFolder | None = None
    """Folder of data, runs, results and ledger; default out/policy, of a toy out/policy-smoke. Recipes of other names
    have their own, like out/generalist; that of an arm is out/ with the name of its contract."""
    until: str | None = None
    """Stop after this stage."""
    redo: tuple[str, ...] = ()
    """Do these stages again, and all that build on them. What they had made goes to OUT/set_aside."""
    workers: Processes = os.cpu_count() or 1
    """Processes of collection and evaluation; they do not change the result."""


def build_policy(build: PolicyBuild) -> dict[str, Any]:
    """Do the stages that are left, in order; their states and figures.

    Raises:
        SetupError: a name that is none, a recipe that was begun otherwise, another process at work in the folder.
    """
    stages, out = planned(build)
    last = next((i for i, stage in enumerate(stages) if stage.name == build.until), len(stages) - 1)
    with alone(out):
        ledger = Ledger(out)
        redone = again(stages, build.redo, ledger)
        refuse_changes([stage for stage in stages[: last + 1] if stage.name not in redone], ledger)
        growing = {stage.name for stage in stages if stage.name in build.redo and grows(stage, ledger)}
        for name, made in redone.items():
            if name not in growing:
                _set_aside(name, made, out)
            ledger.forget(name)
        run_all(stages[: last + 1], len(stages), ledger, out, build.workers)
        return result(stages, ledger, out)


def planned(build: PolicyBuild) -> tuple[tuple[Stage, ...], Path]:
    """The stages of the recipe, and the folder they are made in; SetupError for a name that is none."""
    check_bounds(build)
    stages = recipe(build.recipe, build.preset, build.embodiment)
    made_in = FOLDERS.get(build.recipe, "policy")
    if build.embodiment:
        made_in = f"{load_embodiment(build.embodiment).name}{OF_ARM[build.recipe]}"
    out = build.out or Path("out") / made_in
    out = Path(os.path.relpath(out)) if out.resolve().is_relative_to(Path.cwd()) else out.resolve()
    for name in (*build.redo, *([build.until] if build.until else [])):
        if name not in (known := [stage.name for stage in stages]):
            raise unknown_name("a stage", name, known)
    return stages, out


def begun(out: Path) -> Ledger:
    """The ledger of a folder, to be looked at: another process may be at work there."""
    return Ledger(out, at_work(out))


def run_all(stages: tuple[Stage, ...], count: int, ledger: Ledger, out: Path, workers: int) -> None:
    """Do those of the stages that are left, in order; `count` is how many there are in all."""
    left = [stage for stage in stages if ledger.state(stage) != "done"]
    print(f"{len(stages) - len(left)} of {count} stages are done; ledger in {out}", flush=True)
    for place, stage in enumerate(stages, 1):
        if stage not in left:
            continue
        print(f"[{place}/{count}] {stage.name}: {what(stage)}", flush=True)
        with ledger.sitting(stage, files_made(stage, out)) as figures:
            figures.update(run_stage(stage, out, workers, ledger))
        print(f"[{place}/{count}] {stage.name}: done, {ledger.seconds(stage) / 3600:.2f} h in all", flush=True)


def refuse_changes(stages: list[Stage], ledger: Ledger, again: bool = True) -> None:
    """SetupError where a stage was begun with other options.

    Args:
        again: whether stages can be done again.
    """
    changed = {stage.name: found for stage in stages if (found := ledger.changes(stage))}
    if changed:
        before, now = (
            [f"{name} with {key} = {values[i]}" for name, found in changed.items() for key, values in found.items()]
            for i in (0, 1)
        )
        raise SetupError(
            expected=f"the recipe that was begun: {'; '.join(before)}",
            got="; ".join(now),
            fix="use another --out" + (f", or --redo {' '.join(changed)}" if again else ""),
        )


def again(stages: tuple[Stage, ...], redo: tuple[str, ...], ledger: Ledger) -> dict[str, str]:
    """Name -> product of the stages to do again: those requested, and what was begun on top of them, of any recipe."""
    found = {
        stage.name: product(ledger.entries.get(stage.name, {}).get("options") or stated(stage))
        for stage in stages
        if stage.name in redo
    }
    for name, entry in ledger.entries.items():
        if any(reads(entry["options"], made) for made in found.values()):
            found[name] = product(entry["options"])
    return found


def grows(stage: Stage, ledger: Ledger) -> bool:
    """Whether all that changed is that more is to be collected."""
    changes = ledger.changes(stage)
    collects = isinstance(stage, (CollectStage, GatherStage))
    return collects and set(changes) == {"episodes"} and changes["episodes"][0] < stage.episodes


def _set_aside(name: str, made: str, out: Path) -> None:
    if (out / made).exists():
        aside = out / SET_ASIDE / f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**6:06d}" / made
        aside.parent.mkdir(parents=True)
        (out / made).rename(aside)
        print(f"{name}: {out / made} is now {aside}")


def result(stages: tuple[Stage, ...], ledger: Ledger, out: Path) -> dict[str, Any]:
    """What the verb reports: folder, hours in all, and each stage's state, seconds and figures."""
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
