"""Make a policy from nothing: collect, train, DAgger rounds, evaluate, model card.

Run the same command again after any interruption: what is done stays done. OUT/ledger.json says how far it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gato_ros.evaluation.policy_build.build import PolicyBuild, begun, build_policy, planned, result

if TYPE_CHECKING:
    from gato_ros.domains.recipes import Stage
    from gato_ros.evaluation.policy_build.ledger import Ledger


@dataclass(frozen=True)
class Options(PolicyBuild):
    """Which recipe, where, and how far."""

    list_stages: Annotated[bool, tyro.conf.arg(name="list")] = False
    """Print the stages with their state and hours, and do nothing."""
    json: Path | None = None
    """Write the final figures here as JSON."""


def run(options: Options) -> dict:
    """Do the stages that are left, in order; their states and figures."""
    if not options.list_stages:
        return build_policy(options)
    stages, out = planned(options)
    ledger = begun(out)
    _print_table(stages, ledger)
    return result(stages, ledger, out)


def _print_table(stages: tuple[Stage, ...], ledger: Ledger) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console
    from gato_ros.evaluation.policy_build.stages import what

    table = Table("stage", "what", "state", "hours", "came to", box=None)
    for stage in stages:
        hours = f"{ledger.seconds(stage) / 3600:.2f}" if ledger.seconds(stage) else ""
        table.add_row(stage.name, what(stage), ledger.state(stage), hours, _came_to(stage, ledger))
    make_console().print(table)
    print(f"{sum(map(ledger.seconds, stages)) / 3600:.2f} h so far")


def _came_to(stage: Stage, ledger: Ledger) -> str:
    from gato_ros.domains.generalist.stage import DialogueStage, GatherStage, ScoreStage
    from gato_ros.domains.rgb_stacking.stage import CollectStage, TrainStage

    result = ledger.entries.get(stage.name, {}).get("result") or {}
    if isinstance(stage, ScoreStage):
        mean = result.get("mean_percent_of_expert")
        return f"{mean:.1f} % of the expert" if mean is not None else ""
    if isinstance(stage, DialogueStage):
        return f"{result['right']} of {result['turns']} answers right" if result else ""
    if isinstance(stage, (CollectStage, GatherStage)):
        return f"{result['files']} files" if result else ""
    if isinstance(stage, TrainStage):
        best = result.get("best_rate")
        return f"best closed loop {best:.0%}" if best is not None else ""
    return result.get("card") or ", ".join(
        f"{name} {row['successes']} of {row['episodes']}" for name, row in result.get("sets", {}).items()
    )
