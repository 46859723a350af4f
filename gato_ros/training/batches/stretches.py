"""Which steps make a batch of sequences: drawn from the table of stretches alone, wherever the steps themselves lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gato_ros.data.episodes.recording import SNAPSHOTS
from gato_ros.training.sequence_config import SequenceConfig

Source = tuple[str, str, str]
"""Task, object set or domain, and who drove."""


class Plan(NamedTuple):
    """Which frames make the sequences of a batch."""

    rows: np.ndarray
    """[batch length] int64."""
    pieces: np.ndarray
    """[batch length] int32 number of the piece that each step belongs to."""
    mirrored: np.ndarray
    """[batch] bool: sequences that are reflected left to right."""
    text_hidden: np.ndarray | None = None
    """[batch length] bool: steps whose text is hidden; None: of none."""


class Stretch(NamedTuple):
    """Consecutive control steps of one episode, all of them rendered."""

    first: int
    """Row of its first step."""
    length: int
    episode: int
    ends: bool
    """Whether the last step is the episode's."""
    source: Source
    whole: bool = False
    """Whether it is all of its episode."""

    @property
    def rows(self) -> np.ndarray:
        return np.arange(self.first, self.first + self.length)


@dataclass(frozen=True, eq=False)
class Stretches(Sequence[Stretch]):
    """S of them in the order of their rows, as columns: of ten million episodes there are as many."""

    first: np.ndarray
    """[S] int64"""
    length: np.ndarray
    """[S] int32"""
    episode: np.ndarray
    """[S] int32, rising."""
    ends: np.ndarray
    """[S] bool"""
    whole: np.ndarray
    """[S] bool"""
    source: np.ndarray
    """[S] int32 which of the sources."""
    sources: tuple[Source, ...]
    _to_prompt: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @staticmethod
    def of(stretches: Iterable[Stretch]) -> Stretches:
        """The columns of stretches one by one."""
        numbers: dict[Source, int] = {}
        columns = [
            (one.first, one.length, one.episode, one.ends, one.whole, numbers.setdefault(one.source, len(numbers)))
            for one in stretches
        ]
        kinds = (np.int64, np.int32, np.int32, bool, bool, np.int32)
        first, length, episode, ends, whole, source = (
            np.array([row[place] for row in columns], kind) for place, kind in enumerate(kinds)
        )
        return Stretches(first, length, episode, ends, whole, source, tuple(numbers))

    @staticmethod
    def of_whole_episodes(length: np.ndarray, source: np.ndarray, sources: tuple[Source, ...]) -> Stretches:
        """Episodes of `length` [S] steps, all of them rendered, one behind the other."""
        first = np.cumsum(length, dtype=np.int64) - length
        yes = np.ones(len(length), bool)
        return Stretches(first, length, np.arange(len(length), dtype=np.int32), yes, yes, source, sources)

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return Stretch(
            int(self.first[place]),
            int(self.length[place]),
            int(self.episode[place]),
            bool(self.ends[place]),
            self.sources[self.source[place]],
            bool(self.whole[place]),
        )

    def at(self, row: int) -> int:
        """The place of the stretch that holds a row."""
        return int(np.searchsorted(self.first, row, side="right")) - 1

    def steps_in_long_ones(self, length: int) -> int:
        """Steps in whole episodes, and in other stretches of so many steps at least."""
        return int(self.length[self.whole | (self.length >= length)].sum())

    def steps_in_time(self) -> int:
        """Steps of episodes: all but snapshots, which have no order."""
        in_time = np.array([source[2] != SNAPSHOTS for source in self.sources], bool)
        return int(self.length[in_time[self.source]].sum())

    def to_prompt(self, place: int, only_ends: bool) -> tuple[np.ndarray, int, int]:
        """Places of the stretches of the same source, and which of them [begin, end) are of the same episode."""
        key = int(self.source[place]), only_ends
        if key not in self._to_prompt:
            found = np.flatnonzero((self.source == key[0]) & (self.ends | (not only_ends))).astype(np.int32)
            self._to_prompt[key] = found, self.episode[found]
        places, episodes = self._to_prompt[key]
        begin, end = (int(np.searchsorted(episodes, self.episode[place], side=side)) for side in ("left", "right"))
        return places, begin, end


class WindowPlanner:
    """Draws windows from the stretches of whoever inherits."""

    stretches: Stretches
    weights: np.ndarray | None
    """[N] how often windows are drawn around each row; rows with 0 are context only. None: all alike."""

    def __len__(self) -> int:
        """N rows."""
        raise NotImplementedError

    @property
    def can_mirror(self) -> bool:
        """Whether all that the model sees has a known reflection."""
        raise NotImplementedError

    def batch(self, plan: Plan) -> Any:
        """The sequences of a plan, a `SequenceBatch`."""
        raise NotImplementedError

    @cached_property
    def _teaching(self) -> np.ndarray | None:
        """Places of the stretches that hold a step to learn from; None: all do."""
        if self.weights is None:
            return None
        before = np.concatenate([[0], np.cumsum(self.weights != 0)])
        first, length = self.stretches.first, self.stretches.length
        return np.flatnonzero(before[first + length] > before[first])

    @cached_property
    def _reach(self) -> np.ndarray:
        return np.cumsum(self.weights)

    def _start(self, rng: np.random.Generator, length: int) -> tuple[int, int]:
        """A stretch and the row where a window in it begins: with weights, up to a window before such a step."""
        if self.weights is None:
            row = int(rng.integers(len(self)))
        else:
            row = int(np.searchsorted(self._reach, rng.random() * self._reach[-1], side="right"))
        place = self.stretches.at(row)
        if self.weights is None:
            return place, row
        return place, max(int(self.stretches.first[place]), row - int(rng.integers(length)))

    def _next(self, rng: np.random.Generator) -> int:
        if self._teaching is None:
            return int(rng.integers(len(self.stretches)))
        return int(self._teaching[rng.integers(len(self._teaching))])

    def plan(
        self, rng: np.random.Generator, config: SequenceConfig, longest_prompt: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows [length] of one sequence, the number [length] of the piece that each belongs to, and whether its text is
        hidden [length], because a prompt is to say alone what to do."""
        rows: list[np.ndarray] = []
        pieces: list[np.ndarray] = []
        hidden: list[np.ndarray] = []
        left = config.length
        while left > 0:
            if not rows:
                place, row = self._start(rng, config.length)
                stretch = self.stretches[place]
                body = np.arange(row, stretch.first + stretch.length)
            else:
                place = self._next(rng)
                body = self.stretches[place].rows
            prompt = self._prompt(rng, place, config, longest_prompt)
            piece = np.concatenate([prompt, body])[:left]
            # Nothing is drawn without that share: windows are then the same as before there was one.
            hide = len(prompt) > 0 and config.text_hidden_share > 0 and rng.random() < config.text_hidden_share
            pieces.append(np.full(len(piece), len(rows), np.int32))
            hidden.append(np.full(len(piece), hide))
            rows.append(piece)
            left -= len(piece)
        return np.concatenate(rows), np.concatenate(pieces), np.concatenate(hidden)

    def _prompt(self, rng: np.random.Generator, place: int, config: SequenceConfig, longest: int) -> np.ndarray:
        """Rows of a prompt from another episode of the same source; often none."""
        nothing = np.empty(0, np.int64)
        if rng.random() >= config.prompt_share:
            return nothing
        if self.stretches.sources[self.stretches.source[place]][2] == SNAPSHOTS:
            return nothing  # another snapshot says nothing of what is wanted
        goal = bool(rng.random() < config.goal_share)
        places, begin, end = self.stretches.to_prompt(place, goal)
        others = len(places) - (end - begin)
        if not others:
            return nothing
        drawn = int(rng.integers(others))
        chosen = self.stretches[places[drawn if drawn < begin else drawn + end - begin]]
        length = int(rng.integers(1, min(longest, chosen.length) + 1))
        start = chosen.length - length if goal else int(rng.integers(chosen.length - length + 1))
        return chosen.rows[start : start + length]

    def draw(self, rng: np.random.Generator, config: SequenceConfig, longest_prompt: int, mirror: bool = False) -> Plan:
        """The plan of a batch; half of the sequences reflected on request, where possible."""
        plans = [self.plan(rng, config, longest_prompt) for _ in range(config.batch)]
        flips = rng.random(config.batch) < (0.5 if mirror and self.can_mirror else 0.0)
        rows, pieces, hidden = (np.stack(part) for part in zip(*plans, strict=True))
        return Plan(rows, pieces, flips, hidden if config.text_hidden_share else None)

    def plan_of_step(self, config: SequenceConfig, longest_prompt: int, step: int) -> Plan:
        """A function of seed and step alone."""
        return self.draw(np.random.default_rng([config.seed, 2, step]), config, longest_prompt, config.mirror)
