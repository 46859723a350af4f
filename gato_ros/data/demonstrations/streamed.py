"""The steps of any number of episodes, read from their shards when they are wanted.

Grain, array_record's companion, could shuffle records by an index as well (its MapDataset), but a sequence here is
drawn from several episodes by seed and step alone, as it is from data in memory; what Grain would then do is to read
records by number, and array_record's own reader does that. What stays in memory is the catalogue and MOST_OPEN readers.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from gato_ros.data.demonstrations.catalogue import Catalogue
from gato_ros.data.demonstrations.reading import recording_of
from gato_ros.data.demonstrations.record import record_of
from gato_ros.data.demonstrations.shard import Episode, Head, open_shard, said_plainly
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frames import Frames, join

MOST_OPEN = 256
"""A process may have 1,024 files open, and to open one takes 0.2 ms."""
_OF_A_BLOCK = 24
"""Bytes of `Blocks` for each step."""


class StreamedSteps:
    """All steps of a catalogue by their rows: those of its first episode, then those of the next one."""

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self._ends = np.cumsum(catalogue.length, dtype=np.int64)
        self._readers: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def taken(self, rows: np.ndarray) -> tuple[Frames, np.ndarray]:
        """The frames of `rows` [n] in that order, and [n actions] what was carried out.

        They are what `join` of all recordings has in these rows.

        Raises:
            SetupError: a shard that is damaged, gone, or no longer what the catalogue says.
        """
        places = np.searchsorted(self._ends, rows, side="right")
        wanted, which = np.unique(places, return_inverse=True)
        found = self._recordings(wanted)
        lengths = self.catalogue.length[wanted].astype(np.int64)
        firsts = self._ends[wanted] - lengths
        local = (np.cumsum(lengths) - lengths - firsts)[which] + rows
        joined = join([one.frames for one in found])
        frames = replace(joined, privileged=self._all_privileged(joined))
        return frames.only(local), np.concatenate([one.executed for one in found])[local]

    @property
    def bytes_in_memory(self) -> int:
        """About what all steps take when they are held in memory, by one episode of every kind of shard."""
        of_kind = {kind: _bytes_per_step(one) for kind, one in self._samples.items()}
        each = np.array([of_kind.get(_kind(head), 0.0) for head in self.catalogue.heads])
        return int((each[self.catalogue.shard] * self.catalogue.length).sum())

    def _recordings(self, episodes: np.ndarray) -> list[Recording]:
        """Of `episodes` [n], which rise."""
        found: list[Recording] = []
        shards, records = self.catalogue.shard[episodes], self.catalogue.record[episodes]
        begins = np.flatnonzero(np.diff(shards, prepend=-1))
        for begin, end in zip(begins, [*begins[1:], len(episodes)]):
            shard = int(shards[begin])
            for place, content in zip(range(begin, end), self._contents(shard, records[begin:end].tolist())):
                found.append(self._recording(shard, int(episodes[place]), content))
        return found

    def _contents(self, shard: int, records: list[int]) -> list[bytes]:
        path = self.catalogue.shards[shard]
        with self._lock, said_plainly(path):
            if shard not in self._readers:
                self._readers[shard] = open_shard(path)
            self._readers.move_to_end(shard)
            while len(self._readers) > MOST_OPEN:
                _, oldest = self._readers.popitem(last=False)
                with contextlib.suppress(RuntimeError):
                    oldest.close()
            return self._readers[shard].read(records)

    def _recording(self, shard: int, episode: int, content: bytes) -> Recording:
        head, length = self.catalogue.heads[shard], int(self.catalogue.length[episode])
        with said_plainly(self.catalogue.shards[shard]):
            record = record_of(content)
            if len(record.executed) != length:
                raise ValueError(
                    f"record {self.catalogue.record[episode]} has {len(record.executed)} steps, not {length}"
                )
        outcome = float(self.catalogue.outcome[episode])
        return recording_of(head, Episode(-1, length, outcome, bool(outcome)), record)

    @cached_property
    def _samples(self) -> Mapping[tuple, Recording]:
        """Kind of shard -> an episode of it."""
        found: dict[tuple, Recording] = {}
        shards, firsts = np.unique(self.catalogue.shard, return_index=True)
        for shard, episode in zip(shards, firsts):
            kind = _kind(self.catalogue.heads[shard])
            if kind not in found:
                (found[kind],) = self._recordings(np.array([episode]))
        return found

    @cached_property
    def _widths(self) -> dict[str, int]:
        """Ground truth of any of the episodes -> its size."""
        return {key: values.shape[1] for one in self._samples.values() for key, values in one.frames.privileged.items()}

    def _all_privileged(self, frames: Frames) -> dict[str, np.ndarray]:
        """As `join` of all episodes has it: NaN where these ones have none."""
        if more := set(frames.privileged) - set(self._widths):
            raise ValueError(f"{', '.join(sorted(more))} in some episodes of a shard, and not in its first one")
        missing = {key: width for key, width in self._widths.items() if key not in frames.privileged}
        nothing = {key: np.full((len(frames), width), np.nan, np.float32) for key, width in missing.items()}
        return dict(sorted({**frames.privileged, **nothing}.items()))


def _kind(head: Head) -> tuple:
    """What decides which columns its episodes have: where they come from, and the versions that made them."""
    versions = json.dumps(head.about.get("versions"), sort_keys=True)
    return head.domain, head.task, head.driver, head.teacher, head.spec.digest, versions


def _bytes_per_step(one: Recording) -> float:
    frames = one.frames
    columns = [*frames.vectors.values(), *frames.privileged.values(), frames.actions, one.executed]
    pictures = {id(place): len(place) for place in frames.images.places if isinstance(place, bytes)}
    return sum(column[:1].nbytes for column in columns) + sum(pictures.values()) / len(frames) + _OF_A_BLOCK
