"""The run itself: from options to weights and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gato_ros.core.errors import SetupError
from gato_ros.core.processes import keep_freed_memory
from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.training_run import closed_loop
from gato_ros.evaluation.training_run.objectives import sequence_objective, single_step_objective
from gato_ros.evaluation.training_run.settings import SequenceOptions, TrainingRun
from gato_ros.evaluation.training_run.start import computed_in, start
from gato_ros.training.config import FINE_TUNING, FINE_TUNING_DROPOUT, TrainingConfig

if TYPE_CHECKING:
    from gato_ros.core.contract import Contract
    from gato_ros.models.config import GatoConfig


def train_policy(run: TrainingRun) -> dict[str, Any]:
    """Train with a live picture, or go on where a training of the same folder stopped; the final figures.

    Raises:
        SetupError: what does not fit together, before anything is written.
    """
    from gato_ros.training.dashboard import Dashboard
    from gato_ros.training.loop import Schedule, train

    keep_freed_memory()
    closed_loop.check(run)
    mesh = _mesh(run)
    begun = start(run)
    run = replace(run, preset=begun.preset)
    model = replace(begun.model, dropout=_dropout(run, begun.model))
    _check_kind(run, model)
    initial = _initial(run, model, begun.contract) if run.init else None
    deployed, model = model, computed_in(model, run)
    make = single_step_objective if model.action_decoding == "one_pass" else sequence_objective
    objective, data = make(run, model, begun.contract, begun.supervision)
    steps = objective.config.steps
    if run.init:
        print(f"train: from {run.init}: {_in_words(objective.config)}, dropout {model.dropout:g}", flush=True)
    dashboard = Dashboard(steps, objective.frames_per_step, run.out, begun.supervision.curves)

    def measured(directory: Path) -> dict[str, float]:
        dashboard.note("measuring success")
        return (closed_loop.measured if run.domain == STACKING else closed_loop.foreign_score)(run, directory)

    every = max(1, min(500, steps))
    schedule = Schedule(min(50, every), every, min(run.checkpoint_every, steps), run.closed_loop_every)
    with dashboard.shown():
        result = train(
            objective,
            begun.contract,
            begun.supervision,
            data,
            run.out,
            schedule,
            dashboard.report,
            measured if run.closed_loop_every else None,
            initial,
            mesh,
            deployed=deployed,
            profile=run.profile,
        )
    print(f"weights in {run.out / 'last'}")
    return {**result, "out": str(run.out), "data": data}


def _initial(run: TrainingRun, model: GatoConfig, contract: Contract) -> Any:
    """The parameters of `--init`; of another arm what this one can use of them."""
    from gato_ros.evaluation.training_run.another_arm import weights_of_another_arm
    from gato_ros.training.starting_weights import starting_weights

    assert run.init is not None
    found = weights_of_another_arm(run.init, model, contract, run.training.seed) if run.domain == STACKING else None
    return starting_weights(run.init, model, contract) if found is None else found


def _dropout(run: TrainingRun, model: GatoConfig) -> float:
    if run.dropout is not None:
        return run.dropout
    return FINE_TUNING_DROPOUT if run.init else model.dropout


def _in_words(config: Any) -> str:
    """The numbers of fine-tuning as they were chosen."""
    rate = f"learning rate {config.learning_rate:g}"
    if config.warmup_steps == 0 and config.final_share == 1:
        return f"{config.steps} steps of {config.batch}, {rate} throughout"
    return (
        f"{config.steps} steps of {config.batch}, {rate} after {config.warmup_steps} steps of warm-up, "
        f"then down to {config.final_share:g} of it"
    )


def _mesh(run: TrainingRun):
    """The devices to spread over; None for the one that JAX takes by itself. JAX must not have been used before."""
    from gato_ros.training.sharding import MeshShape, join, make_mesh

    if (run.processes > 1) != (run.coordinator is not None) or (run.processes > 1 and not run.mesh):
        raise SetupError(
            expected="--mesh, --coordinator and --processes together, or --mesh alone",
            got=f"--mesh {run.mesh}, --coordinator {run.coordinator}, --processes {run.processes}",
            fix="see `train --help`",
        )
    shape = MeshShape.parse(run.mesh) if run.mesh else None
    if run.coordinator:
        join(run.coordinator, run.processes, run.process)
    return make_mesh(shape) if shape else None


def _check_kind(run: TrainingRun, model: GatoConfig) -> None:
    """Refuse options of the other kind of training, which would count for nothing."""
    streams = model.action_decoding == "autoregressive"
    untouched = {
        "training": (TrainingConfig(), replace(TrainingConfig(), **FINE_TUNING)),
        "sequence": (SequenceOptions(),),
    }
    other = "training" if streams else "sequence"
    if getattr(run, other) not in untouched[other]:
        wanted, given = ("sequence", "training") if streams else ("training", "sequence")
        raise SetupError(
            expected=f"--{wanted}.* with {run.preset}",
            got=f"--{given}.*",
            fix=f"this preset is {'autoregressive' if streams else 'single-step'}",
        )
    if run.single_steps and not streams:
        raise SetupError(
            expected="--single-steps with an autoregressive preset",
            got=f"--preset {run.preset}",
            fix="name these folders in --data: this preset learns from single steps only",
        )
    if run.resident and run.stream_above_gb is not None:
        raise SetupError(
            expected="--resident or --stream-above-gb", got="both", fix="leave one out: the frames lie in one place"
        )
    if run.resident and (run.mesh or not streams):
        raise SetupError(
            expected="--resident with an autoregressive preset and one device",
            got=f"--preset {run.preset}, --mesh {run.mesh}",
            fix="leave one of them out",
        )
