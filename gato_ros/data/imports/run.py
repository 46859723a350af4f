"""A whole source into a folder of episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.writer import SUFFIX
from gato_ros.data.imports.episode import write_episode
from gato_ros.data.imports.mapping import ImportMapping, check_mapping, mapping_of_ours
from gato_ros.data.imports.source import LeftOut, Source
from gato_ros.embodiments import Embodiment, load_embodiment

Format = Literal["lerobot", "hdf5", "rlds", "rosbag2"]


@dataclass(frozen=True)
class Imported:
    """What came of it."""

    episodes: int
    """Written now."""
    steps: int
    there: int
    """Episodes that were there already."""
    left_out: dict[str, int]
    """Reason -> episodes."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Reason -> messages of a bag's commands that were not used; the command before them held on."""


def open_source(format: Format, place: Path) -> Source:
    """SetupError where `place` is no source of that format."""
    if format == "hdf5":
        from gato_ros.data.imports.hdf5 import Hdf5Source

        return Hdf5Source(place)
    if format == "rlds":
        from gato_ros.data.imports.rlds import RldsSource

        return RldsSource(place)
    from gato_ros.data.imports.lerobot import LeRobotSource

    return LeRobotSource(place)


def robot_of_source(source: Source, wanted: str) -> Embodiment:
    """The contract that is `wanted`, or that an export of ours names.

    Raises:
        SetupError: none is named.
    """
    if not wanted and not source.made_by_us:
        raise SetupError(
            expected="the contract of the robot that recorded this",
            got="no --embodiment",
            fix="--embodiment NAME_OR_YAML; `python -m gato_ros contract --help` tells how to make one",
        )
    return load_embodiment(wanted or source.made_by_us)


def import_all(
    source: Source,
    format: Format,
    place: Path,
    mapping: ImportMapping | None,
    robot: Embodiment,
    out: Path,
    done: Callable[[str], None] = lambda name: None,
) -> Imported:
    """Every episode that can be used, one after the other; what is in `out` already stays.

    Args:
        mapping: None for an export of ours.

    Raises:
        SetupError: a mapping is needed, or does not fit the contract.
    """
    if mapping is None and not source.made_by_us:
        raise SetupError(
            expected="a mapping from that recording to the contract",
            got="no --mapping",
            fix="write one as in docs/how-to/import.md",
        )
    if mapping is not None:
        check_mapping(mapping, robot)
    written = steps = there = 0
    left_out: Counter[str] = Counter()
    for name in source.names():
        try:
            episode = source.episode(name)
            if (out / f"{episode.name}{SUFFIX}").exists():
                there += 1
            else:
                about = {"format": format, "from": str(place), "episode": name}
                steps += write_episode(episode, mapping or mapping_of_ours(format, robot, episode), robot, out, about)
                written += 1
        except LeftOut as reason:
            left_out[str(reason)] += 1
        done(name)
    return Imported(written, steps, there, dict(left_out))
