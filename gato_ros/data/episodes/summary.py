"""What a file says of itself in its summary, without unpacking it: a folder of thousands is listed in seconds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.data.checks.file_kind import Other, folder_of_others, sorted_out, what_else
from gato_ros.data.episodes.episode import FIX, WHAT
from gato_ros.data.episodes.label import History, read_labels
from gato_ros.data.episodes.message_stream import MessageStream, unusable
from gato_ros.data.messages import NANOSECONDS


@dataclass(frozen=True)
class Summary:
    """One file; what could not be read is empty, and `problem` says why."""

    path: Path
    bytes: int
    steps: int = 0
    images: int = 0
    """Of the camera that has most."""
    duration_s: float = 0.0
    metadata: dict = field(default_factory=dict)
    outcome: dict = field(default_factory=dict)
    history: History = History()
    problem: str = ""

    @property
    def recorded_success(self) -> bool | None:
        """What was said when the recording ended."""
        return self.outcome.get("success", self.metadata.get("success"))

    @property
    def success(self) -> bool | None:
        """By the latest label, else as recorded."""
        return self.history.success(self.recorded_success)

    @property
    def task(self) -> str:
        """In words where somebody said it, else its name."""
        said = self.history.latest("text") or self.outcome.get("task_text") or self.metadata.get("task_text")
        return str(said or self.metadata.get("task") or "")

    @property
    def driver(self) -> str:
        """Who drove: an operator by name, or `expert`, or weights."""
        return str(self.metadata.get("operator") or self.metadata.get("driver") or "")


def summarise(path: Path) -> Summary:
    """The summary of a file, its labels among it; never raises for what is in the file."""
    path = Path(path)
    try:
        size, history = path.stat().st_size, read_labels(path)
    except OSError as error:
        return Summary(path, 0, problem=error.strerror or str(error))
    if other := what_else(path):
        return Summary(path, size, history=history, problem=other.what)
    try:
        found = MessageStream(path, WHAT, FIX).contents()
    except SetupError as error:
        return Summary(path, size, history=history, problem=f"not readable ({error.got})")
    counts = {"observation": 0, "image": 0}
    for topic, channel in found.channels.items():
        if channel.role in counts:
            counts[channel.role] = max(counts[channel.role], found.counts[topic])
    return Summary(
        path,
        size,
        counts["observation"],
        counts["image"],
        (found.last_ns - found.first_ns) / NANOSECONDS,
        found.metadata.get("episode", {}),
        found.metadata.get("outcome", {}),
        history,
        "" if "episode" in found.metadata else "no episode record",
    )


@dataclass(frozen=True)
class Chosen:
    """What lies at the places that somebody named."""

    files: tuple[Path, ...]
    """Episodes, each once."""
    others: dict[Path, Other]
    """What lies among them and is none."""


def chosen(places: tuple[Path, ...]) -> Chosen:
    """The finished episodes of folders, and files, in the order given.

    Raises:
        SetupError: a place that is not there, a file named alone that is no episode, or no episode at all.
    """
    files: dict[Path, None] = {}
    others: dict[Path, Other] = {}
    for place in map(Path, places):
        if place.is_dir():
            episodes, of_others = sorted_out(place)
            files.update(dict.fromkeys(episodes))
            others |= of_others
        elif other := what_else(place):
            raise SetupError(expected=f"an episode in {place}", got=other.what, fix=other.fix)
        elif place.exists():
            files[place] = None
        else:
            raise SetupError(expected="a folder of episodes or one file", got=f"no {place}", fix="check the path")
    if not files:
        bags = [other for place in map(Path, places) if (other := folder_of_others(place))]
        among = [f"{path.name}: {other.what}" for path, other in others.items()]
        raise SetupError(
            expected=f"episodes (*.mcap) in {', '.join(map(str, places))}",
            got=bags[0].what if bags else "; ".join(among[:3]) or "none",
            fix=bags[0].fix if bags else "`collect` or `record` makes some",
        )
    return Chosen(tuple(files), others)


def chosen_files(places: tuple[Path, ...]) -> list[Path]:
    """The episodes of `chosen`; what is none is said on stderr, a line each."""
    found = chosen(places)
    for line in said_of_others(found.others):
        print(line, file=sys.stderr)
    return list(found.files)


def said_of_others(others: Mapping[Path, Other]) -> list[str]:
    """A line for each file that is left out because it is no episode."""
    return [f"left out: {path}: {other}" for path, other in others.items()]


def whole_summary(path: Path) -> Summary:
    """As `summarise`; SetupError for a file that cannot be read."""
    found = summarise(path)
    if found.problem:
        raise unusable(path, WHAT, FIX, found.problem)
    return found
