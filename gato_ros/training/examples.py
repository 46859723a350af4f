"""Labelled frames as batches of tokens; the order is a function of seed and step alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.models.layout import TokenLayout
from gato_ros.models.tokenizer import StepTokens, tokenize, tokenize_actions
from gato_ros.training.mixing import drawn_in_proportion
from gato_ros.training.supervision import (
    AuxiliaryTargets,
    GroundTruth,
    Reflection,
    Supervision,
    can_mirror,
    with_all_vectors,
)

Made = TypeVar("Made")


class Batch(NamedTuple):
    """One gradient step's frames."""

    tokens: StepTokens
    action_bins: np.ndarray
    """[batch actions] int32, the number of each choice: a bin in [0, 1024), or a discrete value."""
    auxiliary: AuxiliaryTargets
    """Of the auxiliary heads."""


@dataclass(frozen=True)
class Examples:
    """Frames, ready to be made into batches."""

    frames: Frames
    layout: TokenLayout
    truth: GroundTruth
    reflection: Reflection | None = None
    weights: np.ndarray | None = None
    """[N] how often each frame counts, relative to the others; None: all alike."""

    @staticmethod
    def of(
        frames: Frames,
        layout: TokenLayout,
        supervision: Supervision,
        weights: np.ndarray | None = None,
    ) -> Examples:
        """Frames with what their domain knows of them.

        Args:
            weights: [N] how often each frame counts; None: all alike.

        Raises:
            SetupError: frames without some key of the layout.
        """
        truth = supervision.truth(frames, layout)
        return Examples(with_all_vectors(frames, layout, supervision), layout, truth, supervision.reflection, weights)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def picture_bytes(self) -> int:
        """Of one frame."""
        return self.frames.picture_bytes

    @cached_property
    def can_mirror(self) -> bool:
        """Whether all that the model sees has a known reflection."""
        return can_mirror(self.reflection, self.frames, self.layout)

    def batch(self, rows: np.ndarray, mirrored: np.ndarray | None = None) -> Batch:
        """The frames of `rows` [batch], tokenised by the same function that serves the robot.

        `mirrored` [n] are places in the batch whose frame is reflected left to right.
        """
        tokens = tokens_of(self.frames, self.layout, rows, self.reflection, mirrored)
        actions = self.frames.actions[rows]
        if mirrored is not None and len(mirrored):
            actions[mirrored] *= self.reflection.action_sign
        bins = (tokenize_actions(self.layout, actions) - self.layout.action_start).astype(np.int32)
        return Batch(tokens, bins, self.truth.targets(rows, mirrored))


def tokens_of(
    frames: Frames,
    layout: TokenLayout,
    rows: np.ndarray,
    reflection: Reflection | None = None,
    mirrored: np.ndarray | None = None,
) -> StepTokens:
    """The observation tokens of `rows` [n]; no picture of another row is unpacked, and none that has no token.

    `mirrored` are places in `rows` whose frame is reflected by `reflection`.
    """
    pixels = frames.pixels(rows) if layout.images else None
    vectors = {item.key: frames.vectors[item.key][rows] for item in layout.vectors}
    if reflection is not None and mirrored is not None and len(mirrored):
        if pixels is not None:
            reflection.pixels(pixels, mirrored)
        vectors = reflection.vectors(vectors, mirrored)
    values = {} if pixels is None else {key: pixels[:, i] for i, key in enumerate(frames.image_keys)}
    return tokenize(layout, {**values, **vectors})


@dataclass
class BatchMaker:
    """The batch of any step, as a function of seed and step; half of its frames mirrored on request, where possible."""

    examples: Examples
    batch: int
    seed: int
    mirror: bool = True
    _order: tuple[int, np.ndarray] = (-1, np.empty(0))
    """The last epoch and its order of frames; kept, for shuffling takes longer than a batch."""

    def __call__(self, step: int) -> Batch:
        epoch, place = divmod(step, max(1, len(self.examples) // self.batch))
        order = self._order
        if order[0] != epoch:
            order = self._order = (epoch, self._shuffled(epoch))
        rows = order[1][place * self.batch : (place + 1) * self.batch]
        flips = np.random.default_rng([self.seed, 1, step]).random(len(rows)) < 0.5
        return self.examples.batch(rows, np.flatnonzero(flips) if self.mirror and self.examples.can_mirror else None)

    def _shuffled(self, epoch: int) -> np.ndarray:
        """[N] rows in the order of an epoch, each as often as it counts."""
        rng = np.random.default_rng([self.seed, epoch])
        order, weights = rng.permutation(len(self.examples)), self.examples.weights
        return order if weights is None else drawn_in_proportion(order, weights, rng)


def batches(
    examples: Examples, batch: int, first_step: int, steps: int, seed: int, mirror: bool = True
) -> Iterator[Batch]:
    """The batches of steps [first_step, steps), made one ahead in a thread; half of the frames mirrored on request."""
    return made_ahead(BatchMaker(examples, batch, seed, mirror), first_step, steps)


def made_ahead(make: Callable[[int], Made], first_step: int, steps: int) -> Iterator[Made]:
    """`make(step)` of each step of [first_step, steps), made one ahead in a thread."""
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(make, first_step)
        for step in range(first_step, steps):
            ready = pending.result()
            if step + 1 < steps:
                pending = thread.submit(make, step + 1)
            yield ready
