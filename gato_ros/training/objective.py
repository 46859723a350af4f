"""What a run learns, and from what: the one thing in which kinds of training differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from gato_ros.data.data_digest import frames_digest
from gato_ros.data.demonstrations.catalogue import catalogue_digest
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import TokenLayout
from gato_ros.training.batches.streamed import StreamedExamples
from gato_ros.training.config import TrainingConfig
from gato_ros.training.examples import Batch, Examples, batches
from gato_ros.training.optimiser import TrainingState
from gato_ros.training.step import measure, train_step

VALIDATION_FRAMES = 1024
LARGE_BYTES = 2**18
"""Held-out frames with pictures of more than so many bytes (two cameras of 128 px have 98304) are measured in parts."""
PART_BYTES = 2**21
"""Pictures of one part; on the device they take several times as much."""


class Objective(Protocol):
    """Batches, a compiled step, and a measurement of weights; `train` does the rest."""

    config: Any
    """Frozen dataclass with `steps`, `seed` and what `optimiser.Rates` names; a resumed run must have the same one."""
    model: GatoConfig
    layout: TokenLayout
    frames_per_step: int
    """Control steps that one gradient step learns from."""
    data_digest: str | None
    """Tells other data from the same under another path; None: the path decides."""

    def batches(self, first_step: int) -> Iterator[Any]:
        """The batches of the steps from `first_step` to the last: a function of data, config and step alone."""

    def step(self, state: TrainingState, batch: Any) -> tuple[TrainingState, dict[str, Any]]:
        """The state after one batch (the one before is used up), and the losses."""

    def measure(self, params: Any) -> dict[str, Any]:
        """Losses and errors on what is held out: "loss", "action_error" and "action_accuracy" [actions], and others."""


@dataclass(frozen=True)
class SingleStep:
    """Single frames, all actions in one pass, with auxiliary losses."""

    config: TrainingConfig
    model: GatoConfig
    layout: TokenLayout
    training: Examples | StreamedExamples
    validation: Examples | StreamedExamples
    """Of the same kind as what is trained on."""

    @property
    def frames_per_step(self) -> int:
        return self.config.batch

    @cached_property
    def data_digest(self) -> str:
        parts = (self.training, self.validation)
        if isinstance(self.training, StreamedExamples):
            return catalogue_digest([part.steps.catalogue for part in parts])
        return frames_digest(part.frames for part in parts)

    def batches(self, first_step: int) -> Iterator[Batch]:
        config = self.config
        return batches(self.training, config.batch, first_step, config.steps, config.seed, config.mirror)

    def step(self, state: TrainingState, batch: Batch) -> tuple[TrainingState, dict[str, Any]]:
        return train_step(state, batch, config=self.config, model=self.model, layout=self.layout)

    @cached_property
    def _held_out(self) -> list[np.ndarray]:
        """The rows of each batch that is measured, all of one length."""
        count = min(len(self.validation), VALIDATION_FRAMES)
        each = self.validation.picture_bytes if self.layout.images else 0
        size = count if each <= LARGE_BYTES else min(count, max(1, PART_BYTES // each))
        return np.split(np.arange(count // size * size), count // size)

    @cached_property
    def _held_out_batch(self) -> Batch:
        return self.validation.batch(self._held_out[0])

    def measure(self, params: Any) -> dict[str, Any]:
        parts = self._held_out
        # One batch is kept for the next time; several would be as large as what is not to be in memory.
        batches = [self._held_out_batch] if len(parts) == 1 else map(self.validation.batch, parts)
        found = [measure(params, batch, config=self.config, model=self.model, layout=self.layout) for batch in batches]
        return found[0] if len(found) == 1 else {key: np.mean([one[key] for one in found], 0) for key in found[0]}
