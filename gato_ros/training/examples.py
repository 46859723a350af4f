"""Labelled frames as batches of tokens; the order is a function of seed and step alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.models.layout import CONTINUOUS_START, TokenLayout
from gato_ros.models.tokenizer import StepTokens, tokenize, tokenize_actions
from gato_ros.training.auxiliary import auxiliary_targets


class Batch(NamedTuple):
    """One gradient step's frames."""

    tokens: StepTokens
    action_bins: np.ndarray
    """[batch actions] int32 in [0, 1024)."""
    auxiliary: np.ndarray
    """[batch n] targets."""
    auxiliary_weight: np.ndarray
    """[batch n] 0 where there is no truth."""


@dataclass(frozen=True)
class Examples:
    """Frames with everything but the pixels tokenised beforehand."""

    frames: Frames
    layout: TokenLayout
    action_bins: np.ndarray
    auxiliary: np.ndarray
    auxiliary_weight: np.ndarray

    @staticmethod
    def of(frames: Frames, layout: TokenLayout, object_names: tuple[str, ...]) -> "Examples":
        targets, weights = auxiliary_targets(frames.privileged, object_names)
        bins = tokenize_actions(layout, frames.actions) - CONTINUOUS_START
        return Examples(frames, layout, bins.astype(np.int32), targets, weights)

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, rows: np.ndarray) -> Batch:
        """The frames of `rows`, tokenised by the same function that serves the robot."""
        pixels = self.frames.pixels(rows)
        values = {key: pixels[:, i] for i, key in enumerate(self.frames.image_keys)}
        values.update({key: value[rows] for key, value in self.frames.vectors.items()})
        return Batch(
            tokenize(self.layout, values), self.action_bins[rows], self.auxiliary[rows], self.auxiliary_weight[rows]
        )


def batches(examples: Examples, batch: int, first_step: int, steps: int, seed: int) -> Iterator[Batch]:
    """The batches of steps [first_step, steps), made one ahead in a thread."""
    per_epoch = max(1, len(examples) // batch)
    order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def make(step: int) -> Batch:
        nonlocal order
        epoch, place = divmod(step, per_epoch)
        if order[0] != epoch:
            order = (epoch, np.random.default_rng([seed, epoch]).permutation(len(examples)))
        rows = order[1][place * batch : (place + 1) * batch]
        return examples.batch(np.sort(rows))

    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(make, first_step)
        for step in range(first_step, steps):
            ready = pending.result()
            if step + 1 < steps:
                pending = thread.submit(make, step + 1)
            yield ready
