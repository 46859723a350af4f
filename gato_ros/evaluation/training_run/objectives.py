"""What a model is trained for, with its data in place: single steps, or windows of several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gato_ros.core.errors import SetupError
from gato_ros.evaluation.training_run.data import (
    VALIDATION_SHARE,
    single_step_recordings,
    training_frames,
    training_recordings,
)
from gato_ros.evaluation.training_run.settings import chosen
from gato_ros.evaluation.training_run.streaming import Room, streamed_folders, streamed_frames

if TYPE_CHECKING:
    from gato_ros.core.contract import Contract
    from gato_ros.evaluation.training_run.settings import TrainingRun
    from gato_ros.models.config import GatoConfig
    from gato_ros.training.config import TrainingConfig
    from gato_ros.training.objective import Objective
    from gato_ros.training.supervision import Supervision


def single_step_objective(
    run: TrainingRun, model: GatoConfig, contract: Contract, supervision: Supervision
) -> tuple[Objective, dict[str, int]]:
    """The objective of a single-step model, and the count of frames per folder."""
    from gato_ros.models.layout import token_layout
    from gato_ros.training.batches.streamed import StreamedExamples
    from gato_ros.training.examples import Examples
    from gato_ros.training.mixing import mixing_weights, step_weights, unless_equal
    from gato_ros.training.objective import SingleStep

    layout, config = token_layout(contract.spec, model), _training(run.training, model)
    weights = mixing_weights(run.weights)
    found = streamed_frames(run.data, run.limit, VALIDATION_SHARE, weights, Room.of(run.stream_above_gb))
    if found is not None:
        *parts, data = found
        streamed = [StreamedExamples.of(steps, layout, supervision) for steps in parts]
        return SingleStep(config, model, layout, *streamed), data
    training, validation, data = training_frames(run, weights)
    examples = [
        Examples.of(frames, layout, supervision, unless_equal(step_weights(frames.teachers, weights)))
        for frames in (training, validation)
    ]
    return SingleStep(config, model, layout, *examples), data


def sequence_objective(
    run: TrainingRun, model: GatoConfig, contract: Contract, supervision: Supervision
) -> tuple[Objective, dict[str, int]]:
    """The objective of an autoregressive model, and the count of frames per folder."""
    from gato_ros.models.layout import token_layout
    from gato_ros.training.batches.streamed import StreamedWindows
    from gato_ros.training.mixing import mixing_weights
    from gato_ros.training.resident import ResidentSequences
    from gato_ros.training.sequence import Sequences
    from gato_ros.training.windows import Windows

    layout, config = token_layout(contract.spec, model), chosen(run.sequence, run.preset, bool(run.init))
    weights = mixing_weights(run.weights)
    auxiliary = bool(model.auxiliary)
    if not run.resident:  # those lie on the device in any case
        room = Room.of(run.stream_above_gb)
        found = streamed_folders(run.data, run.limit, config.return_share, VALIDATION_SHARE, weights, room)
        if found is not None:
            if run.single_steps:
                raise SetupError(
                    expected="--single-steps with a robot's episodes in memory",
                    got=f"shards that are read batch by batch in {', '.join(map(str, run.data))}",
                    fix="leave it out, or raise --stream-above-gb",
                )
            *parts, data = found
            streamed = [StreamedWindows.of(steps, layout, supervision, auxiliary) for steps in parts]
            return Sequences(config, model, layout, *streamed), data
    training, validation, data = training_recordings(
        run.data, run.limit, config.return_share, VALIDATION_SHARE, weights, run.failures
    )
    alone = single_step_recordings(run.single_steps, run.limit, VALIDATION_SHARE, weights, run.failures)
    training, validation, data = training + alone[0], validation + alone[1], data | alone[2]
    windows = [Windows.of(part, layout, supervision, weights, auxiliary) for part in (training, validation)]
    return (ResidentSequences if run.resident else Sequences)(config, model, layout, *windows), data


def _training(training: TrainingConfig, model) -> TrainingConfig:
    """Without hidden inputs for a model that is given the poses: there would be nothing left to learn from."""
    from gato_ros.embodiments.privileged import reads_privileged

    return replace(training, blind_share=0.0) if reads_privileged(model.observation_keys) else training
