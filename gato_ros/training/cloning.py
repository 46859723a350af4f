"""Single-step cloning of frames in one call, for a domain of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gato_ros.core.contract import Contract
from gato_ros.data.frames import Frames
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import token_layout
from gato_ros.training.config import TrainingConfig
from gato_ros.training.examples import Examples
from gato_ros.training.loop import Progress, Schedule, train
from gato_ros.training.objective import SingleStep
from gato_ros.training.supervision import ActionsOnly, Supervision


def clone(
    contract: Contract,
    model: GatoConfig,
    training: Frames,
    validation: Frames,
    folder: Path,
    config: TrainingConfig,
    supervision: Supervision | None = None,
    report: Callable[[Progress], None] = lambda row: None,
) -> dict[str, Any]:
    """Train `model` on `training`, or go on with the run in `folder`; the final figures. Weights in `folder`/last.

    Args:
        supervision: what is known of the frames beside their actions; by default nothing.
        report: receives every row of the curves.

    Raises:
        SetupError: frames without what the model reads, or a folder with another run in it.
    """
    names = tuple(
        key if spec.shape[0] == 1 else f"{key}_{place}"
        for key, spec in contract.spec.actions.items()
        for place in range(spec.shape[0])
    )
    known, layout = supervision or ActionsOnly(names), token_layout(contract.spec, model)
    examples = [Examples.of(frames, layout, known) for frames in (training, validation)]
    data = {"training": len(training), "validation": len(validation)}
    schedule = Schedule(validate=config.steps, checkpoint=max(1, min(500, config.steps)))
    return train(SingleStep(config, model, layout, *examples), contract, known, data, folder, schedule, report)
