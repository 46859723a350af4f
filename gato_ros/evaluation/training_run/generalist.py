"""The run of `train --mixture`: from the file to weights and figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gato_ros.core.processes import keep_freed_memory
from gato_ros.domains.registry import WRITTEN
from gato_ros.evaluation.training_run.mixture import MixturePlan, read_mixture
from gato_ros.evaluation.training_run.settings import MixtureRun
from gato_ros.evaluation.training_run.start import computed_in
from gato_ros.evaluation.training_run.streaming import Room
from gato_ros.training.supervision import ActionsOnly, Curve


def train_mixture(run: MixtureRun, plan: MixturePlan | None = None) -> dict[str, Any]:
    """Train with a live picture, or go on where a training of the same folder stopped; the final figures.

    Args:
        plan: what to train, in place of what the file of `run` says.

    Raises:
        SetupError: what does not fit together, before anything is written.
    """
    from gato_ros.training.dashboard import Dashboard
    from gato_ros.training.loop import Schedule, train
    from gato_ros.training.starting_weights import grown_weights

    keep_freed_memory()
    plan = plan or read_mixture(run.mixture)
    deployed = replace(plan.model(), dropout=run.dropout)
    model = computed_in(deployed, run)
    objective, data = plan.objective(model, Room.of(run.stream_above_gb))
    contracts = [contract for part in plan.parts for contract in part.contracts()]
    initial = grown_weights(run.init, contracts, deployed, objective.layout, plan.config.seed) if run.init else None
    dashboard = Dashboard(plan.config.steps, objective.frames_per_step, run.out, _curves(plan))
    every = max(1, min(500, plan.config.steps))
    with dashboard.shown():
        result = train(
            objective,
            contracts[0],
            ActionsOnly(()),
            data,
            run.out,
            # A step of all parts takes seconds: what a stop loses is minutes.
            Schedule(min(50, every), every, min(100, every)),
            dashboard.report,
            initial=initial,
            others=contracts[1:],
            deployed=deployed,
            profile=run.profile,
        )
    print(f"weights in {run.out / 'last'}")
    return {**result, "out": str(run.out), "data": data}


def _curves(plan: MixturePlan) -> tuple[Curve, ...]:
    """The loss of each part on what is held out."""
    shown = {True: ("text_loss", "text"), False: ("action_loss", "actions")}
    return tuple(
        Curve("validation", (f"{part.name}/{loss}",), f"{part.name}: {what}")
        for part in plan.parts
        for loss, what in (shown[part.domain in WRITTEN],)
    )
