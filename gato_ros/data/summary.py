"""What a file says of itself in its summary, without unpacking it: a folder of thousands is listed in seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from mcap.reader import make_reader

from gato_ros.core.errors import SetupError
from gato_ros.data.episode import FIX, WHAT, episode_paths
from gato_ros.data.label import History, read_labels
from gato_ros.data.messages import NANOSECONDS
from gato_ros.data.tracks import unusable


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
    size, history = path.stat().st_size, read_labels(path)
    try:
        with open(path, "rb") as file:
            reader = make_reader(file)
            found = reader.get_summary()
            if found is None or found.statistics is None:
                raise ValueError("no summary at its end")
            records = {
                one.name: {key: json.loads(value) for key, value in one.metadata.items()}
                for one in reader.iter_metadata()
            }
    # Cut or altered bytes fail in whichever decoder meets them first.
    except Exception as error:
        return Summary(path, size, history=history, problem=f"not readable ({type(error).__name__}: {error})")
    counts = {"observation": 0, "image": 0}
    for number, channel in found.channels.items():
        role = channel.metadata.get("role")
        if role in counts:
            counts[role] = max(counts[role], found.statistics.channel_message_counts.get(number, 0))
    seconds = (found.statistics.message_end_time - found.statistics.message_start_time) / NANOSECONDS
    missing = "" if "episode" in records else "no episode record"
    return Summary(
        path,
        size,
        counts["observation"],
        counts["image"],
        seconds,
        records.get("episode", {}),
        records.get("outcome", {}),
        history,
        missing,
    )


def chosen_files(places: tuple[Path, ...]) -> list[Path]:
    """The finished episodes of folders, and files, in the order given; each once.

    Raises:
        SetupError: a place that is not there, or no episode at all.
    """
    files: dict[Path, None] = {}
    for place in map(Path, places):
        if not place.exists():
            raise SetupError(expected="a folder of episodes or one file", got=f"no {place}", fix="check the path")
        files.update(dict.fromkeys([place] if place.is_file() else episode_paths(place)))
    if not files:
        raise SetupError(
            expected=f"episodes (*.mcap) in {', '.join(map(str, places))}",
            got="none",
            fix="`collect` or `record` makes some",
        )
    return list(files)


def whole_summary(path: Path) -> Summary:
    """As `summarise`; SetupError for a file that cannot be read."""
    found = summarise(path)
    if found.problem:
        raise unusable(path, WHAT, FIX, found.problem)
    return found
