"""The demonstrations of a training: which files count, which are held out, and what is said about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.core.spec import StepSpec
    from gato_ros.data.episodes.recording import Recording
    from gato_ros.data.frames import Frames
    from gato_ros.evaluation.training_run.settings import TrainingRun

VALIDATION_SHARE = 20
"""One in so many files (an episode, a hundred scenes) is held out."""


def training_frames(run: TrainingRun, weights: Mapping[str, float]) -> tuple[Frames, Frames, dict[str, int]]:
    """Training frames, held-out frames, and the count of frames per folder: those that count for something.

    Raises:
        SetupError: too few files to hold one out, or fewer than the limit.
    """
    from gato_ros.data.frames import join
    from gato_ros.training.mixing import step_weights

    folders, limit = run.data, run.limit
    training, validation, data = [], [], {}
    for folder in folders:
        found = _frame_parts(folder, run.failures)
        print_sources(folder, found, weights)
        counts = [step_weights(part.teachers, weights) > 0 for part in found]
        parts = [part if count.all() else part.only(np.flatnonzero(count)) for part, count in zip(found, counts)]
        parts = [part for part in parts if len(part)]
        if limit is not None and not 2 <= limit <= len(parts):
            raise SetupError(
                expected=f"--limit of 2 to the {len(parts)} files with frames in {folder}",
                got=str(limit),
                fix="collect more, or take fewer",
            )
        parts = parts[:limit]
        data[str(folder)] = sum(len(part) for part in parts)
        held_out = parts[::VALIDATION_SHARE] if len(parts) > 1 else []
        validation += held_out
        training += [part for i, part in enumerate(parts) if i % VALIDATION_SHARE or not held_out]
    if not validation:
        raise SetupError(
            expected="a folder with at least two episodes or snapshot files, one of them to hold out",
            got=f"at most one in each of {', '.join(map(str, folders))}",
            fix="collect more",
        )
    return join(training), join(validation), data


def training_recordings(
    folders: tuple[Path, ...],
    limit: int | None,
    return_share: float,
    held_out_every: int,
    weights: Mapping[str, float],
    failures: bool = False,
    snapshots: bool = False,
) -> tuple[list[Recording], list[Recording], dict[str, int]]:
    """Episodes to train on and to hold out, and the count of rendered steps by folder.

    Args:
        snapshots: whether files of snapshots count, too: for learning step by step.

    Raises:
        SetupError: too few good episodes to hold one out.
    """
    from gato_ros.training.mixing import step_weights
    from gato_ros.training.windows import good_enough

    training, validation, data = [], [], {}
    for folder in folders:
        found = _recordings(folder, failures, snapshots)[:limit]
        print_sources(folder, [one.frames for one in found], weights)
        # One without a step to learn from would be a validation without a figure.
        found = [one for one in found if step_weights(one.frames.teachers, weights).any()]
        good = good_enough(found, return_share)
        data[str(folder)] = sum(len(one.frames) for one in good)
        kind = "episodes or files of snapshots" if snapshots else "episodes"
        print(f"train: {len(good)} of {len(found)} {kind} of {folder}, {data[str(folder)]} steps", flush=True)
        held_out = good[::held_out_every] if len(good) > 1 else []
        validation += held_out
        training += [one for i, one in enumerate(good) if i % held_out_every or not held_out]
    if not validation:
        raise SetupError(
            expected="at least two good episodes, one of them to hold out", got=str(len(training)), fix="collect more"
        )
    return training, validation, data


def single_step_recordings(
    folders: tuple[Path, ...],
    limit: int | None,
    held_out_every: int,
    weights: Mapping[str, float],
    failures: bool = False,
) -> tuple[list[Recording], list[Recording], dict[str, int]]:
    """As `training_recordings`, of snapshots and episodes whose frames are learned one by one.

    Raises:
        SetupError: a folder without frames.
    """
    from gato_ros.data.episodes.recording import Recording
    from gato_ros.training.mixing import step_weights

    training, validation, data = [], [], {}
    for folder in folders:
        parts = _frame_parts(folder, failures)[:limit]
        print_sources(folder, parts, weights)
        found = [Recording.of_snapshots(part) for part in parts if step_weights(part.teachers, weights).any()]
        data[str(folder)] = sum(len(one.frames) for one in found)
        print(f"train: {data[str(folder)]} single steps of {folder}", flush=True)
        held_out = found[::held_out_every] if len(found) > 1 else []
        validation += held_out
        training += [one for i, one in enumerate(found) if i % held_out_every or not held_out]
    return training, validation, data


def _frame_parts(folder: Path, failures: bool) -> list[Frames]:
    """The frames of a folder, by file or by episode: of shards in another domain, else of the robot's."""
    from gato_ros.data.demonstrations.reading import read_demonstrations
    from gato_ros.data.frame_cache import frame_parts

    if holds_shards(folder):
        return [one.frames for one in read_demonstrations([folder])]
    return frame_parts(folder, print_left_out(folder, failures))


def _recordings(folder: Path, failures: bool, snapshots: bool) -> list[Recording]:
    """The episodes of a folder: of shards in another domain, else of the robot's; and its files of snapshots."""
    from gato_ros.data.demonstrations.reading import read_demonstrations
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.data.episodes.recording import Recording, load_recordings
    from gato_ros.data.frames import SUFFIX, load_frames

    if holds_shards(folder):
        return read_demonstrations([folder])
    files = sorted(folder.glob(f"*{SUFFIX}")) if snapshots else []
    found = [Recording.of_snapshots(load_frames(path)) for path in files]
    if not found or episode_paths(folder):
        found += load_recordings(folder, print_left_out(folder, failures))
    return found


def holds_shards(folder: Path) -> bool:
    """Whether a folder holds another domain's demonstrations; SetupError where it holds a robot's episodes as well."""
    from gato_ros.data.demonstrations.reading import shard_paths
    from gato_ros.data.episodes.episode import episode_paths

    shards = shard_paths(folder)
    if shards and (episodes := episode_paths(folder)):
        raise SetupError(
            expected=f"one kind of demonstrations in {folder}",
            got=f"{len(episodes)} episodes of a robot and {len(shards)} shards of another domain",
            fix="put them into folders of their own",
        )
    return bool(shards)


def print_left_out(folder: Path, failures: bool) -> dict[Path, str]:
    """The files of a folder that do not count, said once with the reason."""
    from gato_ros.data.checks.episode_filter import left_out

    reasons = left_out(folder, failures)
    for reason, count in Counter(reasons.values()).items():
        names = ", ".join(path.name for path, why in reasons.items() if why == reason)
        print(f"train: {count} of {folder} left out, {reason}: {names}", flush=True)
    return reasons


def print_sources(folder: Path, parts: Sequence[Frames], weights: Mapping[str, float]) -> None:
    """Say how many steps of each source there are, and how they count, where others than the expert were in command."""
    if all(part.sources is None for part in parts):
        return
    counts = Counter(str(name) for part in parts for name in part.teachers)
    steps = ", ".join(f"{name} {count} (weight {weights.get(name, 0):g})" for name, count in sorted(counts.items()))
    print(f"train: steps of {folder} by who was in command: {steps}", flush=True)


def domain_recordings(
    folders: tuple[Path, ...],
    spec: StepSpec,
    tasks: tuple[str, ...],
    limit: int | None,
    return_share: float,
    held_out_every: int,
) -> tuple[list[Recording], list[Recording], dict[str, int]]:
    """As `training_recordings`, of some tasks of another domain; `limit` counts the episodes of each task and folder.

    Raises:
        SetupError: a task without an episode, or too few to hold one out.
    """
    from gato_ros.data.demonstrations.reading import read_demonstrations
    from gato_ros.training.windows import good_enough

    data, found = {}, []
    for folder in folders:
        read = read_demonstrations([folder], limit=limit, spec=spec)
        good = good_enough([one for one in read if one.source[0] in tasks], return_share)
        data[str(folder)] = sum(len(one.frames) for one in good)
        print(f"train: {len(good)} episodes of {folder}, {data[str(folder)]} steps", flush=True)
        found += good
    if missing := [task for task in tasks if task not in {one.source[0] for one in found}]:
        raise SetupError(
            expected=f"demonstrations of every task in {', '.join(map(str, folders))}",
            got=f"none of {', '.join(missing)}",
            fix="run `python -m gato_ros collect --domain ... --task ...`, or leave these tasks out of the mixture",
        )
    held_out = found[::held_out_every]
    if len(held_out) == len(found):
        raise SetupError(
            expected="at least two episodes, one of them to hold out", got=str(len(found)), fix="collect more"
        )
    return [one for i, one in enumerate(found) if i % held_out_every], held_out, data
