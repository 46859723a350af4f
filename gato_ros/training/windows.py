"""Recorded episodes as packed sequences; every batch is a function of seed and step alone.

A sequence is filled with pieces: the first begins anywhere in an episode, the next ones at an episode's first step, as
a policy does after a reset. No piece sees another (`gato.sequence_features`). A piece may follow a prompt, which is
part of it: that is how a prompt is met at run time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frames import Frames, join
from gato_ros.models.layout import TokenLayout
from gato_ros.models.tokenizer import StepTokens, tokenize_actions
from gato_ros.training.batches.stretches import Plan, Stretch, Stretches, WindowPlanner
from gato_ros.training.examples import made_ahead, tokens_of
from gato_ros.training.mixing import step_weights, unless_equal
from gato_ros.training.sequence_config import SequenceConfig
from gato_ros.training.supervision import (
    AuxiliaryTargets,
    GroundTruth,
    Reflection,
    Supervision,
    can_mirror,
    with_all_vectors,
)


class SequenceBatch(NamedTuple):
    """One gradient step's sequences."""

    tokens: StepTokens
    """Leading axes [batch length]."""
    done_ids: np.ndarray
    """[batch length actions] int32 of what was carried out: what later tokens see, as at run time their own."""
    label_ids: np.ndarray
    """[batch length actions] int32 of what should have been done."""
    pieces: np.ndarray
    """[batch length] int32 number of the piece that each step belongs to."""
    learned: np.ndarray | None = None
    """[batch length] bool: steps that are learned from; the others are what came before. None: all."""
    auxiliary: AuxiliaryTargets | None = None
    """Of the auxiliary heads, leading axes [batch length]."""
    text_hidden: np.ndarray | None = None
    """[batch length] bool: steps whose text is hidden; None: of none."""


@dataclass(frozen=True)
class Windows(WindowPlanner):
    """Recordings in memory, ready to be cut into sequences."""

    frames: Frames
    executed: np.ndarray
    """[N 5] what was carried out at each row."""
    stretches: Stretches
    layout: TokenLayout
    weights: np.ndarray | None = None
    """[N] how often windows are drawn around each row; rows with 0 are context only. None: all alike."""
    truth: GroundTruth | None = None
    """What the auxiliary heads should predict; None for a model without."""
    reflection: Reflection | None = None

    @staticmethod
    def of(
        recordings: Sequence[Recording],
        layout: TokenLayout,
        supervision: Supervision,
        weights: Mapping[str, float] | None = None,
        auxiliary: bool = True,
    ) -> Windows:
        """The recordings one after another, divided where a step was not rendered.

        Args:
            weights: source -> how often its steps count (`mixing.mixing_weights`); None: all alike.
            auxiliary: whether the model has auxiliary heads.
        """
        stretches: list[Stretch] = []
        first = 0
        for number, one in enumerate(recordings):
            for part in np.split(np.arange(len(one.steps)), np.flatnonzero(np.diff(one.steps) != 1) + 1):
                ends = int(one.steps[part[-1]]) == one.length - 1
                whole = len(part) == one.length
                stretches.append(Stretch(first + int(part[0]), len(part), number, ends, one.source, whole))
            first += len(one.steps)
        joined = join([one.frames for one in recordings])
        frames = with_all_vectors(joined, layout, supervision)
        executed = np.concatenate([one.executed for one in recordings])
        each = None if weights is None else unless_equal(step_weights(frames.teachers, weights))
        truth = supervision.truth(joined, layout) if auxiliary else None
        return Windows(frames, executed, Stretches.of(stretches), layout, each, truth, supervision.reflection)

    def __len__(self) -> int:
        return len(self.executed)

    def batch(self, plan: Plan) -> SequenceBatch:
        """The sequences of a plan."""
        batch, length = plan.rows.shape
        flat, places = plan.rows.reshape(-1), np.flatnonzero(np.repeat(plan.mirrored, length))
        tokens = tokens_of(self.frames, self.layout, flat, self.reflection, places)
        labels, done = self.frames.actions[flat], self.executed[flat]
        if len(places):
            labels[places] *= self.reflection.action_sign
            done[places] *= self.reflection.action_sign
        shaped = lambda array: array.reshape(batch, length, *array.shape[1:])  # noqa: E731
        ids = [shaped(tokenize_actions(self.layout, actions).astype(np.int32)) for actions in (done, labels)]
        learned = None if self.weights is None else shaped(self.weights[flat] > 0)
        auxiliary = None if self.truth is None else AuxiliaryTargets(*map(shaped, self.truth.targets(flat, places)))
        tokens = StepTokens(shaped(tokens.patches), shaped(tokens.ids))
        return SequenceBatch(tokens, *ids, plan.pieces, learned, auxiliary, plan.text_hidden)

    @cached_property
    def can_mirror(self) -> bool:
        """Whether all that the model sees has a known reflection."""
        return can_mirror(self.reflection, self.frames, self.layout)


def sequence_batches(
    windows: WindowPlanner, config: SequenceConfig, longest_prompt: int, first_step: int
) -> Iterator[SequenceBatch]:
    """The batches of steps [first_step, config.steps), made one ahead in a thread."""

    def make(step: int) -> SequenceBatch:
        return windows.batch(windows.plan_of_step(config, longest_prompt, step))

    return made_ahead(make, first_step, config.steps)


def expert_return(returns: Sequence[float]) -> float:
    """The best average return over W episodes in a row, W a tenth of them and 1000 at most (Gato section 3.1)."""
    returns = np.asarray(returns, np.float64)
    window = max(1, min(1000, len(returns) // 10))
    sums = np.concatenate([[0.0], np.cumsum(returns)])
    return float((sums[window:] - sums[:-window]).max() / window)


def good_enough(recordings: Sequence[Recording], share: float) -> list[Recording]:
    """Those with at least `share` of the expert return of their task and object set.

    Raises:
        SetupError: none has a return above zero.
    """
    numbers: dict[tuple[str, ...], int] = {}
    tasks = [numbers.setdefault(one.source[:2], len(numbers)) for one in recordings]
    outcomes = [one.outcome for one in recordings]
    return [recordings[place] for place in good_places(np.array(tasks), np.array(outcomes), share)]


def good_places(tasks: np.ndarray, outcomes: np.ndarray, share: float) -> np.ndarray:
    """Places of those episodes whose outcome [E] is at least `share` of the expert return of their task [E], a number.

    Raises:
        SetupError: none has a return above zero.
    """
    if share == 0:
        return np.arange(len(outcomes))
    kept = np.zeros(len(outcomes), bool)
    for task in np.unique(tasks):
        same = tasks == task
        least = share * expert_return(outcomes[same])
        kept |= same & (outcomes >= least) & (least > 0)
    if not kept.any():
        raise SetupError(
            expected="episodes that succeeded",
            got=f"{len(outcomes)} without success",
            fix="collect demonstrations, or take all with a return share of 0",
        )
    return np.flatnonzero(kept)
