"""Whether demonstrations of a domain are read into memory or stay in their shards, and which episodes then count.

The same episodes are trained on and held out as by `data.py`; the batches are the same as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.core.spec import StepSpec
    from gato_ros.data.demonstrations.catalogue import Catalogue
    from gato_ros.data.demonstrations.streamed import StreamedSteps

SHARE_OF_FREE_MEMORY = 0.25
"""For demonstrations: the model wants memory as well."""
PEAK, EPISODE_BYTES = 2, 2000
"""While they are read: all steps twice, and an object for each episode. 100,000 of them with 35 MB of steps took 240
MiB."""


@dataclass
class Room:
    """Memory for demonstrations, which the folders of a training take up one after another."""

    bytes_left: float
    wanted: bool
    """Whether somebody said how much, in place of a share of what is free."""

    @staticmethod
    def of(stream_above_gb: float | None) -> Room:
        """So many gigabytes (10^9); None: a share of what is free."""
        from gato_ros.data.free_memory import free_memory

        wanted = stream_above_gb is not None
        return Room(1e9 * stream_above_gb if wanted else SHARE_OF_FREE_MEMORY * free_memory(), wanted)

    def holds(self, size: float) -> bool:
        """Whether that fits, of which the room is then smaller."""
        fits = size < self.bytes_left
        self.bytes_left -= size if fits else 0
        return fits


Chosen = tuple["StreamedSteps", "StreamedSteps", dict[str, int]]
"""To train on, to hold out, and the count of steps by folder."""


def streamed_folders(
    folders: Sequence[Path],
    limit: int | None,
    return_share: float,
    held_out_every: int,
    weights: Mapping[str, float],
    room: Room,
) -> Chosen | None:
    """The episodes of `training_recordings`, where the folders hold shards that have no room in memory.

    Raises:
        SetupError: too few good episodes to hold one out.
    """
    catalogues = _catalogues(folders, weights, room)
    if catalogues is None:
        return None
    good, words = [], []
    for folder, whole in zip(folders, catalogues):
        found = whole.only(slice(limit))
        good.append(_good(found, return_share))
        words.append(f"train: {len(good[-1])} of {len(found)} episodes of {folder}, {good[-1].steps} steps")
    if _fits(good, room):
        return None
    print("\n".join(words), flush=True)
    held = [np.arange(len(one)) % held_out_every == 0 if len(one) > 1 else np.zeros(len(one), bool) for one in good]
    return _divided(folders, good, held)


def streamed_frames(
    folders: Sequence[Path], limit: int | None, held_out_every: int, weights: Mapping[str, float], room: Room
) -> Chosen | None:
    """The frames of `training_frames`, where the folders hold shards that have no room in memory.

    Raises:
        SetupError: too few episodes to hold one out, or fewer than the limit.
    """
    catalogues = _catalogues(folders, weights, room)
    if catalogues is None:
        return None
    if limit is not None and not 2 <= limit <= min(map(len, catalogues)):
        return None  # is refused where everything is read
    found = [one.only(slice(limit)) for one in catalogues]
    if _fits(found, room):
        return None
    held = [np.arange(len(one)) % held_out_every == 0 if len(one) > 1 else np.zeros(len(one), bool) for one in found]
    return _divided(folders, found, held)


def streamed_tasks(
    folders: Sequence[Path],
    spec: StepSpec,
    tasks: Sequence[str],
    limit: int | None,
    return_share: float,
    held_out_every: int,
    room: Room,
) -> Chosen | None:
    """The episodes of `domain_recordings`, where they have no room in memory.

    Raises:
        SetupError: too few to hold one out.
    """
    from gato_ros.data.demonstrations.catalogue import Catalogue
    from gato_ros.data.demonstrations.reading import shard_paths

    if not all(map(shard_paths, folders)):
        return None
    good, names = [], set()
    for folder in folders:
        read = Catalogue.of(folder, limit=limit, spec=spec)
        source, sources = read.sources
        wanted = np.array([task in tasks for task, *_ in sources])
        good.append(_good(read.only(np.flatnonzero(wanted[source])), return_share))
        names |= {sources[number][0] for number in np.unique(good[-1].sources[0])}
    if _fits(good, room) or not names.issuperset(tasks):  # a task without an episode is refused where all is read
        return None
    for folder, one in zip(folders, good):
        print(f"train: {len(one)} episodes of {folder}, {one.steps} steps", flush=True)
    ends = np.cumsum([len(one) for one in good])
    held = np.split(np.arange(ends[-1]) % held_out_every == 0, ends[:-1])
    return _divided(folders, good, held)


def _catalogues(folders: Sequence[Path], weights: Mapping[str, float], room: Room) -> list[Catalogue] | None:
    """What the folders hold, where all of it are shards of one spec whose steps count; else None.

    Raises:
        SetupError: they are not, and somebody wants them to stay where they are.
    """
    from gato_ros.data.demonstrations.catalogue import Catalogue
    from gato_ros.data.episodes.command_source import EXPERT
    from gato_ros.evaluation.training_run.data import holds_shards

    found, reason = [], None
    if not all(holds_shards(folder) for folder in folders):
        reason = "episodes of a robot"
    elif not weights.get(EXPERT):
        reason = "steps of the expert that count for nothing"
    else:
        found = [Catalogue.of(folder) for folder in folders]
        if len({head.spec for one in found for head in one.heads}) > 1:
            reason = "folders of several specs"
    if reason and room.wanted:
        raise SetupError(expected="shards of one spec with --stream-above-gb", got=reason, fix="leave the option out")
    return None if reason else found


def _good(found: Catalogue, return_share: float) -> Catalogue:
    from gato_ros.training.windows import good_places

    source, names = found.sources
    kinds = list(dict.fromkeys(name[:2] for name in names))
    tasks = np.array([kinds.index(name[:2]) for name in names])[source]
    return found.only(good_places(tasks, found.outcome, return_share))


def _fits(parts: Sequence[Catalogue], room: Room) -> bool:
    from gato_ros.data.demonstrations.streamed import StreamedSteps

    size = sum(PEAK * StreamedSteps(part).bytes_in_memory + EPISODE_BYTES * len(part) for part in parts)
    return room.holds(size)


def _divided(folders: Sequence[Path], parts: Sequence[Catalogue], held: Sequence[np.ndarray]) -> Chosen:
    """The episodes that are held out [E] of each folder, and the others."""
    from gato_ros.data.demonstrations.catalogue import Catalogue
    from gato_ros.data.demonstrations.streamed import StreamedSteps

    counts = {str(folder): part.steps for folder, part in zip(folders, parts)}
    print(f"train: {sum(counts.values())} steps stay in their shards and are read batch by batch", flush=True)
    training, validation = (
        Catalogue.join([part.only(np.flatnonzero(mask == held_out)) for part, mask in zip(parts, held)])
        for held_out in (False, True)
    )
    for one in (training, validation):
        if not len(one):
            raise SetupError(
                expected="at least two good episodes, one of them to hold out",
                got=str(len(training) + len(validation)),
                fix="collect more",
            )
    return StreamedSteps(training), StreamedSteps(validation), counts
