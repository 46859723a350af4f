"""The run of `train --mixture`: from the file to weights and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gato_ros.core.errors import SetupError
from gato_ros.evaluation.training_run.mixture import MixturePlan, read_mixture
from gato_ros.evaluation.training_run.settings import MixtureRun
from gato_ros.training.supervision import ActionsOnly, Curve

if TYPE_CHECKING:
    from gato_ros.models.config import GatoConfig
    from gato_ros.models.layout import TokenLayout


def train_mixture(run: MixtureRun) -> dict[str, Any]:
    """Train with a live picture, or go on where a training of the same folder stopped; the final figures.

    Raises:
        SetupError: what does not fit together, before anything is written.
    """
    from gato_ros.training.dashboard import Dashboard
    from gato_ros.training.loop import Schedule, train

    plan = read_mixture(run.mixture)
    model = replace(plan.model(), dropout=run.dropout)
    objective, data = plan.objective(model)
    contracts = [contract for part in plan.parts for contract in part.contracts()]
    initial = _initial(run.init, plan, model, objective.layout) if run.init else None
    dashboard = Dashboard(plan.config.steps, objective.frames_per_step, run.out, _curves(plan))
    every = max(1, min(500, plan.config.steps))
    with dashboard.shown():
        result = train(
            objective,
            contracts[0],
            ActionsOnly(()),
            data,
            run.out,
            Schedule(min(50, every), every, every),
            dashboard.report,
            initial=initial,
            others=contracts[1:],
        )
    print(f"weights in {run.out / 'last'}")
    return {**result, "out": str(run.out), "data": data}


def _curves(plan: MixturePlan) -> tuple[Curve, ...]:
    """The loss of each part on what is held out."""
    return tuple(Curve("validation", (f"{part.name}/action_loss",), f"{part.name}: actions") for part in plan.parts)


def _initial(folder: Path, plan: MixturePlan, model: GatoConfig, layout: TokenLayout) -> Any:
    """The weights to start from, for a contract of the mixture that they were made for."""
    import jax

    from gato_ros.models.gato import init
    from gato_ros.models.weights import load_weights
    from gato_ros.training.starting_weights import grown

    refusal = None
    for part in plan.parts:
        try:
            weights = load_weights(folder, part.contracts()[0])
            break
        except SetupError as error:
            refusal = error
    else:
        assert refusal is not None
        raise refusal
    fresh = init(jax.random.key(plan.config.seed), model, layout)
    return grown(fresh, weights.params, weights.config, model)
