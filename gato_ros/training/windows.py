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


class Plan(NamedTuple):
    """Which frames make the sequences of a batch."""

    rows: np.ndarray
    """[batch length] int64."""
    pieces: np.ndarray
    """[batch length] int32 number of the piece that each step belongs to."""
    mirrored: np.ndarray
    """[batch] bool: sequences that are reflected left to right."""


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


@dataclass(frozen=True)
class Stretch:
    """Consecutive control steps of one episode, all of them rendered."""

    first: int
    """Row of its first step."""
    length: int
    episode: int
    ends: bool
    """Whether the last step is the episode's."""
    source: tuple[str, str, str]
    whole: bool = False
    """Whether it is all of its episode."""

    @property
    def rows(self) -> np.ndarray:
        return np.arange(self.first, self.first + self.length)


@dataclass(frozen=True)
class Windows:
    """Recordings, ready to be cut into sequences."""

    frames: Frames
    executed: np.ndarray
    """[N 5] what was carried out at each row."""
    stretches: tuple[Stretch, ...]
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
        return Windows(frames, executed, tuple(stretches), layout, each, truth, supervision.reflection)

    def __len__(self) -> int:
        return len(self.executed)

    @cached_property
    def _firsts(self) -> np.ndarray:
        return np.array([stretch.first for stretch in self.stretches])

    @cached_property
    def _teaching(self) -> list[Stretch]:
        """The stretches that hold a step to learn from."""
        return [one for one in self.stretches if self.weights is None or self.weights[one.rows].any()]

    @cached_property
    def _reach(self) -> np.ndarray:
        return np.cumsum(self.weights)

    def _start(self, rng: np.random.Generator, length: int) -> tuple[Stretch, int]:
        """A stretch and the row where a window in it begins: with weights, up to a window before such a step."""
        if self.weights is None:
            row = int(rng.integers(len(self)))
        else:
            row = int(np.searchsorted(self._reach, rng.random() * self._reach[-1], side="right"))
        stretch = self.stretches[np.searchsorted(self._firsts, row, side="right") - 1]
        return stretch, row if self.weights is None else max(stretch.first, row - int(rng.integers(length)))

    @cached_property
    def _by_source(self) -> dict[tuple[tuple[str, str, str], bool], list[Stretch]]:
        """(source, whether only those that end their episode) -> stretches to take prompts from."""
        found: dict = {}
        for stretch in self.stretches:
            for only_ends in {False, stretch.ends}:
                found.setdefault((stretch.source, only_ends), []).append(stretch)
        return found

    def plan(
        self, rng: np.random.Generator, config: SequenceConfig, longest_prompt: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows [length] of one sequence, and the number [length] of the piece that each belongs to."""
        rows: list[np.ndarray] = []
        pieces: list[np.ndarray] = []
        left = config.length
        while left > 0:
            if not rows:
                stretch, row = self._start(rng, config.length)
                body = np.arange(row, stretch.first + stretch.length)
            else:
                stretch = self._teaching[rng.integers(len(self._teaching))]
                body = stretch.rows
            prompt = self._prompt(rng, stretch, config, longest_prompt)
            piece = np.concatenate([prompt, body])[:left]
            pieces.append(np.full(len(piece), len(rows), np.int32))
            rows.append(piece)
            left -= len(piece)
        return np.concatenate(rows), np.concatenate(pieces)

    def _prompt(self, rng: np.random.Generator, stretch: Stretch, config: SequenceConfig, longest: int) -> np.ndarray:
        """Rows of a prompt from another episode of the same source; often none."""
        nothing = np.empty(0, np.int64)
        if rng.random() >= config.prompt_share:
            return nothing
        goal = rng.random() < config.goal_share
        others = [
            one for one in self._by_source.get((stretch.source, bool(goal)), ()) if one.episode != stretch.episode
        ]
        if not others:
            return nothing
        chosen = others[rng.integers(len(others))]
        length = int(rng.integers(1, min(longest, chosen.length) + 1))
        start = chosen.length - length if goal else int(rng.integers(chosen.length - length + 1))
        return chosen.rows[start : start + length]

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
        return SequenceBatch(tokens, *ids, plan.pieces, learned, auxiliary)

    def draw(self, rng: np.random.Generator, config: SequenceConfig, longest_prompt: int, mirror: bool = False) -> Plan:
        """The plan of a batch; half of the sequences reflected on request, where possible."""
        plans = [self.plan(rng, config, longest_prompt) for _ in range(config.batch)]
        flips = rng.random(config.batch) < (0.5 if mirror and self.can_mirror else 0.0)
        return Plan(np.stack([rows for rows, _ in plans]), np.stack([pieces for _, pieces in plans]), flips)

    def plan_of_step(self, config: SequenceConfig, longest_prompt: int, step: int) -> Plan:
        """A function of seed and step alone."""
        return self.draw(np.random.default_rng([config.seed, 2, step]), config, longest_prompt, config.mirror)

    @cached_property
    def can_mirror(self) -> bool:
        """Whether all that the model sees has a known reflection."""
        return can_mirror(self.reflection, self.frames, self.layout)


def sequence_batches(
    windows: Windows, config: SequenceConfig, longest_prompt: int, first_step: int
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
    if share == 0:
        return list(recordings)
    by_task: dict[tuple[str, ...], list[float]] = {}
    for one in recordings:
        by_task.setdefault(one.source[:2], []).append(one.outcome)
    least = {task: share * expert_return(returns) for task, returns in by_task.items()}
    kept = [one for one in recordings if one.outcome >= least[one.source[:2]] > 0]
    if not kept:
        raise SetupError(
            expected="episodes that succeeded",
            got=f"{len(recordings)} without success",
            fix="collect demonstrations, or take all with a return share of 0",
        )
    return kept
