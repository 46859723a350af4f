"""Folders of shards as recordings to learn from, and as one index for people and programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.files import write_text
from gato_ros.core.spec import StepSpec
from gato_ros.data.demonstrations.record import Record
from gato_ros.data.demonstrations.shard import SUFFIX, Episode, Head, read_head, read_shard
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frame_blocks import Blocks
from gato_ros.data.frames import Frames

INDEX_FILE = "index.jsonl"


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder by name."""
    return sorted(path for path in Path(folder).glob(f"*{SUFFIX}") if not path.name.startswith("."))


def shard_heads(folders: Iterable[Path]) -> dict[Path, Head]:
    """What every shard of the folders holds, without the episodes themselves; SetupError for a damaged one."""
    return {path: read_head(path) for folder in folders for path in shard_paths(folder)}


def read_demonstrations(
    folders: Sequence[Path], task: str | None = None, limit: int | None = None, spec: StepSpec | None = None
) -> list[Recording]:
    """The episodes of the folders' shards, by folder, shard and seed.

    Discrete values, texts and ground truth stay in the small types that they are stored in; a text that does not
    change is one row in memory.

    Args:
        task: that of the episodes; all by default.
        limit: of each folder and task the first so many.
        spec: of the episodes: those of another one are left out. Without it all have to have the same.

    Raises:
        SetupError: no shards, a damaged one, no episodes of that task or spec, or episodes of several specs.
    """
    heads = shard_heads(folders)
    if not heads:
        raise SetupError(
            expected=f"demonstrations in {', '.join(map(str, folders))}",
            got="none",
            fix="run `python -m gato_ros collect --domain ...` first",
        )
    tasks = sorted({head.task for head in heads.values()})
    if task is not None and task not in tasks:
        raise unknown_name("a task of these demonstrations", task, tasks)
    chosen = {
        path: head
        for path, head in heads.items()
        if (task is None or head.task == task) and (spec is None or head.spec == spec) and head.episodes
    }
    check_one_spec(chosen, tasks)
    found: list[Recording] = []
    taken: dict[tuple[Path, str], int] = {}
    for path, head in chosen.items():
        place = (path.parent, head.task)
        left = None if limit is None else limit - taken.get(place, 0)
        episodes = [recording_of(head, *one) for one in read_shard(path, left)[1]]
        taken[place] = taken.get(place, 0) + len(episodes)
        found += episodes
    return found


def write_index(folder: Path) -> Path:
    """Write one line of JSON for each shard of the folder, with its episodes, whole or not at all; where it is."""
    lines = (_index_line(path, read_head(path)) for path in shard_paths(folder))
    write_text(Path(folder) / INDEX_FILE, "".join(lines))
    return Path(folder) / INDEX_FILE


def _index_line(path: Path, head: Head) -> str:
    line = {
        "shard": path.name,
        "domain": head.domain,
        "task": head.task,
        "driver": head.driver,
        "columns": ["seed", "length", "return", "success"],
        "episodes": [[one.seed, one.length, one.reward, one.success] for one in head.episodes],
    }
    return f"{json.dumps(line)}\n"


def check_one_spec(heads: Mapping[Path, Head], tasks: Sequence[str]) -> None:
    """SetupError for shards of several specs, or for none; `tasks` are all that there are."""
    by_spec: dict[str, set[str]] = {}
    for head in heads.values():
        by_spec.setdefault(head.spec.digest, set()).add(head.task)
    if not by_spec:
        raise SetupError(
            expected="episodes of what is asked for", got=f"shards of {', '.join(tasks)}", fix="collect some"
        )
    if len(by_spec) > 1:
        raise SetupError(
            expected="demonstrations of one spec",
            got="; ".join(", ".join(sorted(names)) for names in by_spec.values()),
            fix="name one task, or put those of another spec into a folder of their own",
        )


def recording_of(head: Head, episode: Episode, record: Record) -> Recording:
    """An episode as it is learned from."""
    vectors = {
        key: values if head.spec.observations[key].kind in ("discrete", "text") else values.astype(np.float32)
        for key, values in record.columns.items()
    }
    frames = Frames(
        head.image_keys,
        next((one.shape for one in head.images.values()), (0, 0, 3)),
        _images(record) if head.image_keys else _no_images(episode.length),
        vectors,
        record.labels,
        dict(record.privileged),
    )
    return Recording(
        frames,
        _places(episode.length),
        record.executed,
        episode.length,
        (head.task, head.domain, head.driver),
        episode.reward if head.metric == "return" else float(episode.success),
    )


def _images(record: Record) -> Blocks:
    """One row for each step."""
    blocks = Blocks.laid((record.images,), [record.image_lengths])
    return blocks if record.frames_per_block == 1 else blocks.shared(record.frames_per_block, len(record.executed))


@lru_cache(maxsize=4096)
def _no_images(steps: int) -> Blocks:
    """Shared by all episodes of one length, of which there may be a hundred thousand."""
    return Blocks.laid((b"",), [np.zeros(steps, np.int64)])


@lru_cache(maxsize=4096)
def _places(steps: int) -> np.ndarray:
    places = np.arange(steps)
    places.setflags(write=False)
    return places
