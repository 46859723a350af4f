"""Batches of demonstrations that stay in their shards: bit by bit those of `Windows` and `Examples` in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gato_ros.data.demonstrations.streamed import StreamedSteps
from gato_ros.data.frames import Frames
from gato_ros.models.layout import TokenLayout
from gato_ros.training.batches.stretches import Plan, Stretches, WindowPlanner
from gato_ros.training.examples import Batch, Examples
from gato_ros.training.supervision import Supervision, can_mirror, with_all_vectors
from gato_ros.training.windows import SequenceBatch, Windows


@dataclass(frozen=True, eq=False)
class StreamedWindows(WindowPlanner):
    """As `Windows`, of steps that are read for each batch. All count the same."""

    steps: StreamedSteps
    stretches: Stretches
    layout: TokenLayout
    supervision: Supervision
    auxiliary: bool
    """Whether the model has auxiliary heads."""
    weights: None = None

    @staticmethod
    def of(steps: StreamedSteps, layout: TokenLayout, supervision: Supervision, auxiliary: bool) -> StreamedWindows:
        """The windows of whole episodes; SetupError where these lack something that the layout has tokens for."""
        source, names = steps.catalogue.sources
        stretches = Stretches.of_whole_episodes(steps.catalogue.length, source, names)
        made = StreamedWindows(steps, stretches, layout, supervision, auxiliary)
        with_all_vectors(made._example, layout, supervision)
        return made

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def _example(self) -> Frames:
        return self.steps.taken(np.zeros(1, np.int64))[0]

    @cached_property
    def can_mirror(self) -> bool:
        """Whether all that the model sees has a known reflection."""
        return can_mirror(self.supervision.reflection, self._example, self.layout)

    def batch(self, plan: Plan) -> SequenceBatch:
        """The sequences of a plan."""
        found, executed = self.steps.taken(plan.rows.reshape(-1))
        frames = with_all_vectors(found, self.layout, self.supervision)
        truth = self.supervision.truth(found, self.layout) if self.auxiliary else None
        read = Windows(frames, executed, Stretches.of(()), self.layout, None, truth, self.supervision.reflection)
        return read.batch(plan._replace(rows=np.arange(plan.rows.size).reshape(plan.rows.shape)))


@dataclass(frozen=True, eq=False)
class StreamedExamples:
    """As `Examples`, of steps that are read for each batch. All count the same."""

    steps: StreamedSteps
    layout: TokenLayout
    supervision: Supervision
    weights: None = None

    @staticmethod
    def of(steps: StreamedSteps, layout: TokenLayout, supervision: Supervision) -> StreamedExamples:
        """The examples; SetupError where they lack something that the layout has tokens for."""
        made = StreamedExamples(steps, layout, supervision)
        with_all_vectors(made._example, layout, supervision)
        return made

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def _example(self) -> Frames:
        return self.steps.taken(np.zeros(1, np.int64))[0]

    @property
    def picture_bytes(self) -> int:
        """Of one frame."""
        return self._example.picture_bytes

    @cached_property
    def can_mirror(self) -> bool:
        """Whether all that the model sees has a known reflection."""
        return can_mirror(self.supervision.reflection, self._example, self.layout)

    def batch(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> Batch:
        """The frames of `rows` [batch]; `mirrored` [n] are places in the batch that are reflected left to right."""
        frames, _ = self.steps.taken(rows)
        return Examples.of(frames, self.layout, self.supervision).batch(np.arange(len(rows)), mirrored)
