"""What shards hold, as columns: all that is needed to choose and to draw episodes, read without a single one.

It comes from the first record of every shard, which is a part of it and cannot be older than it; index.jsonl is for
people.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import StepSpec
from gato_ros.data.demonstrations.reading import check_one_spec, shard_paths
from gato_ros.data.demonstrations.shard import Head, read_head

DIGEST = "shards:"
"""How the digest of a catalogue begins: it says less than that of the steps themselves."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """E episodes by folder, shard and seed."""

    shards: tuple[Path, ...]
    heads: tuple[Head, ...]
    """Of each shard, without its episodes."""
    shard: np.ndarray
    """[E] int32 which of the shards."""
    record: np.ndarray
    """[E] int32 which of its records; 0 is the head."""
    length: np.ndarray
    """[E] int32 steps."""
    outcome: np.ndarray
    """[E] float64, as `Recording.outcome`."""

    @staticmethod
    def of(folder: Path, limit: int | None = None, spec: StepSpec | None = None) -> Catalogue:
        """The episodes that `read_demonstrations([folder], limit=limit, spec=spec)` reads.

        Raises:
            SetupError: no shards, a damaged one, or episodes of several specs.
        """
        shards: dict[Path, Head] = {}
        columns: list[np.ndarray] = []
        taken: dict[str, int] = {}
        tasks: set[str] = set()
        known: dict[StepSpec, StepSpec] = {}
        for path in shard_paths(folder):
            head = read_head(path)
            tasks.add(head.task)
            if not head.episodes or (spec is not None and head.spec != spec):
                continue
            left = None if limit is None else limit - taken.get(head.task, 0)
            rows = [(one.length, one.reward, one.success) for one in head.episodes[:left]]
            taken[head.task] = taken.get(head.task, 0) + len(rows)
            length, reward, success = np.array(rows, np.float64).reshape(-1, 3).T
            outcome = reward if head.metric == "return" else success
            columns.append(np.stack([np.full(len(rows), len(shards)), np.arange(1, 1 + len(rows)), length, outcome]))
            shards[path] = replace(head, episodes=(), spec=known.setdefault(head.spec, head.spec))
        if not tasks:
            raise SetupError(
                expected=f"demonstrations in {folder}", got="none", fix="run `python -m gato_ros collect --domain ...`"
            )
        check_one_spec(shards, sorted(tasks))
        shard, record, length, outcome = np.concatenate(columns, 1)
        shard, record, length = (column.astype(np.int32) for column in (shard, record, length))
        return Catalogue(tuple(shards), tuple(shards.values()), shard, record, length, outcome)

    @staticmethod
    def join(parts: Sequence[Catalogue]) -> Catalogue:
        """The episodes of several, one behind the other."""
        firsts = np.cumsum([0, *(len(part.shards) for part in parts)]).astype(np.int32)
        return Catalogue(
            tuple(path for part in parts for path in part.shards),
            tuple(head for part in parts for head in part.heads),
            np.concatenate([part.shard + first for part, first in zip(parts, firsts)]),
            np.concatenate([part.record for part in parts]),
            np.concatenate([part.length for part in parts]),
            np.concatenate([part.outcome for part in parts]),
        )

    def only(self, rows: np.ndarray | slice) -> Catalogue:
        """The episodes of `rows`, in that order."""
        columns = {key: getattr(self, key)[rows] for key in ("shard", "record", "length", "outcome")}
        return replace(self, **columns)

    def __len__(self) -> int:
        return len(self.length)

    @property
    def steps(self) -> int:
        """Of all episodes."""
        return int(self.length.sum(dtype=np.int64))

    @property
    def sources(self) -> tuple[np.ndarray, tuple[tuple[str, str, str], ...]]:
        """[E] int32 which of the sources each episode has, and these: task, domain and driver."""
        of_shard = [(head.task, head.domain, head.driver) for head in self.heads]
        names = tuple(dict.fromkeys(of_shard))
        return np.array([names.index(one) for one in of_shard], np.int32)[self.shard], names


def catalogue_digest(parts: Sequence[Catalogue]) -> str:
    """Tells other data from the same under another path: by names and sizes of the shards, and what they say of
    themselves. No episode is read."""
    digest = hashlib.sha256()
    for part in parts:
        for path, head in zip(part.shards, part.heads):
            said = [path.name, path.stat().st_size, head.spec.digest, head.driver, head.teacher, head.about]
            digest.update(json.dumps(said, sort_keys=True).encode())
        for column in (part.shard, part.record, part.length, part.outcome):
            digest.update(np.ascontiguousarray(column).tobytes())
    return DIGEST + digest.hexdigest()
