"""What an episode gives to other formats: the same for all of them, each key with its units and names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.checks.episode import checked_all
from gato_ros.data.checks.pace import common_rate_hz
from gato_ros.data.checks.problem import EXPORT
from gato_ros.data.episodes.command_source import command_sources
from gato_ros.data.episodes.stream import EpisodeStream, Pictures, open_episode
from gato_ros.data.episodes.summary import Summary, summarise
from gato_ros.data.exports.value_names import action_names, value_names
from gato_ros.data.mcap_file import sync_folder
from gato_ros.embodiments import Embodiment, load_embodiment

__all__ = ["action_names", "Selection", "Take", "select", "value_names", "write_whole"]


@dataclass(frozen=True)
class Take:
    """One episode for export; N steps."""

    name: str
    task: str
    success: bool | None
    stamps_s: np.ndarray
    """[N] float64 since the first step, as recorded."""
    vectors: dict[str, np.ndarray]
    """Contract key -> [N size] float32, in the contract's order of keys."""
    cameras: dict[str, tuple[int, int, int]]
    """Contract key -> [height width 3] of its pictures; empty where no images were requested."""
    actions: np.ndarray
    """[N 5] float32 what should be done."""
    executed: np.ndarray
    """[N 5] float32 what was carried out."""
    sources: np.ndarray
    """[N] text, who was in command."""
    source: EpisodeStream
    """Where the pictures are."""

    def __len__(self) -> int:
        return len(self.actions)

    def pictures(self) -> Iterator[Pictures]:
        """For each of the N steps the pictures, read when it is their turn: camera -> uint8 [height width 3].

        Raises:
            SetupError: a step without a picture of each camera.
        """
        if not self.cameras:
            yield from ({} for _ in range(len(self)))
            return
        want = 0
        for step, found in self.source.whole_pictures():
            if step != want:
                break
            yield found
            want += 1
        if want != len(self):
            raise SetupError(
                expected=f"pictures at each of the {len(self)} steps of {self.source.path}",
                got=f"none at step {want}",
                fix="`python -m gato_ros episodes verify` tells more; --no-images exports it without",
            )


@dataclass(frozen=True)
class Selection:
    """Which episodes an export takes, all of one contract."""

    robot: Embodiment
    summaries: tuple[Summary, ...]
    images: bool
    left_out: dict[str, str]
    """File -> why."""
    fps: float
    """Steps in a second, as measured: an int where a whole number will do, the contract's rate where that is right."""

    def takes(self) -> Iterator[Take]:
        """One after the other, each read when it is its turn."""
        for one in self.summaries:
            yield _take(one, open_episode(one.path), self.images)


def select(paths: Sequence[Path], images: bool = True, failures: bool = False) -> Selection:
    """The episodes that can be exported without a word that is not true.

    Left out, and said: failures (unless requested), what the check forbids to export (`problem.FORBIDS`), and, where
    images are wanted, episodes with steps that have none.

    Raises:
        SetupError: episodes of several contracts or rates, or none left.
    """
    kept: list[Summary] = []
    left_out: dict[str, str] = {}
    for path in paths:
        one = summarise(path)
        if reason := one.problem or _reason(one, images, failures):
            left_out[str(path)] = reason
        else:
            kept.append(one)
    found = checked_all([one.path for one in kept])
    for one in list(kept):
        if wrong := [problem.text for problem in found[one.path].problems if problem.forbids(EXPORT)]:
            left_out[str(one.path)] = "; ".join(wrong)
            kept.remove(one)
    contracts = {(one.metadata["embodiment"], one.metadata["contract_digest"]) for one in kept}
    if len(contracts) > 1:
        raise SetupError(
            expected="episodes of one contract",
            got=", ".join(f"{n} ({d[:12]})" for n, d in contracts),
            fix="export them one by one",
        )
    if not kept:
        reasons = "; ".join(f"{Path(path).name}: {reason}" for path, reason in list(left_out.items())[:5])
        raise SetupError(
            expected="at least one episode to export",
            got=reasons,
            fix="`episodes verify` says all; see --no-images and --failures, or record with images at every step",
        )
    robot = load_embodiment(contracts.pop()[0])
    rates = {one.path.name: rate for one in kept if (rate := found[one.path].rate_hz) is not None}
    return Selection(robot, tuple(kept), images, left_out, common_rate_hz(rates, robot.control_rate_hz))


def _reason(one: Summary, images: bool, failures: bool) -> str:
    if one.success is False and not failures:
        return "a failure"
    if not one.steps:
        return "no steps"
    if images and one.images < one.steps:
        return f"pictures at {one.images} of {one.steps} steps"
    return ""


def _take(one: Summary, source: EpisodeStream, images: bool) -> Take:
    episode = source.episode
    return Take(
        name=one.path.stem,
        task=one.task,
        success=one.success,
        stamps_s=episode.stamps_s - episode.stamps_s[0],
        vectors=dict(sorted(episode.values.items())),
        cameras=source.cameras if images else {},
        actions=episode.actions,
        executed=episode.executed,
        sources=command_sources(episode),
        source=source,
    )


def write_whole(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file or folder under a hidden name, put it on the disk, then give it its own.

    Raises:
        SetupError: the target exists.
    """
    target = Path(target)
    if target.exists() or target.is_symlink():
        raise SetupError(
            expected=f"a new place for the export, {target}",
            got="something is there",
            fix="take another name, or move that away",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)
    try:
        write(partial)
        for path in [partial, *partial.rglob("*")]:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        partial.rename(target)
        sync_folder(target.parent)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
