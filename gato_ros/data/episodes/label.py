"""What people say about an episode afterwards: a history beside the recording, which itself is never written again.

`NAME.labels.jsonl` lies beside `NAME.mcap`, one statement a line. Lines are only ever added; of each thing that was
said, the latest counts.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, get_args

from gato_ros.data.fingerprint import fingerprint
from gato_ros.data.mcap_file import sync_folder

SUFFIX = ".labels.jsonl"
Verdict = Literal["success", "fail", "unknown"]
"""`unknown` takes an earlier verdict back."""


@dataclass(frozen=True)
class Label:
    """One statement; what is None was not spoken of."""

    at: str
    """UTC, ISO 8601."""
    by: str
    verdict: Verdict | None = None
    text: str | None = None
    """The task in words."""
    note: str | None = None
    of: str | None = None
    """The recording's `fingerprint` when it was said; None in labels from before there was one."""


@dataclass(frozen=True)
class History:
    """All statements about an episode, oldest first."""

    labels: tuple[Label, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines that cannot be read, such as one that a crash cut."""

    def latest(self, name: str) -> str | None:
        """What was last said of `verdict`, `text` or `note`; None if nothing."""
        said = [value for label in self.labels if (value := getattr(label, name)) is not None]
        return said[-1] if said else None

    def success(self, recorded: bool | None) -> bool | None:
        """Whether the episode succeeded: by the latest verdict, or as `recorded` where nobody gave one."""
        verdict = self.latest("verdict")
        return recorded if verdict is None else {"success": True, "fail": False, "unknown": None}[verdict]


def labels_path(episode: Path) -> Path:
    """Where the labels of the episode file lie."""
    return Path(episode).with_suffix(SUFFIX)


def now_utc() -> str:
    """The wall clock as labels and trash keep it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def read_labels(episode: Path) -> History:
    """What was said about the episode; an empty history if nothing was."""
    try:
        lines = labels_path(episode).read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return History()
    labels, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            labels.append(_label(json.loads(line)))
        except (ValueError, TypeError) as error:
            problems.append(f"label {number} is not readable: {error}")
    return History(tuple(labels), tuple(problems))


def label_problems(episode: Path, history: History | None = None) -> list[str]:
    """Labels that cannot be read, and those that were given to another file than the one that is there now.

    Args:
        history: what was said, where it is known already.
    """
    history = read_labels(episode) if history is None else history
    problems = list(history.problems)
    if not any(label.of for label in history.labels):
        return problems
    try:
        now = fingerprint(episode)
    except OSError:
        return problems
    others = [label for label in history.labels if label.of not in (None, now)]
    said = [label.verdict or ("a text" if label.text is not None else "a note") for label in others]
    for label, what in zip(others, said):
        problems.append(
            f"the label {what!r} by {label.by} at {label.at} was given to another version of this file: label it again"
        )
    return problems


def add_label(
    episode: Path,
    *,
    verdict: Verdict | None = None,
    text: str | None = None,
    note: str | None = None,
    by: str | None = None,
) -> Label:
    """Add a statement to the history and put it on the disk.

    Raises:
        ValueError: nothing is said.
        OSError: the folder cannot be written.
    """
    if verdict is text is note is None:
        raise ValueError("a label says something: a verdict, a text or a note")
    label = Label(now_utc(), by or user(), verdict, text, note, _fingerprint(episode))
    said = {key: value for key, value in asdict(label).items() if value is not None}
    line = json.dumps(said, ensure_ascii=False).encode() + b"\n"
    path = labels_path(episode)
    # One write in append mode: two people who label at once do not tear each other's lines.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(file).st_size
        torn = size and os.pread(file, 1, size - 1) != b"\n"
        os.write(file, b"\n" + line if torn else line)
        os.fsync(file)
    finally:
        os.close(file)
    sync_folder(path.parent)
    return label


def _fingerprint(episode: Path) -> str | None:
    try:
        return fingerprint(episode)
    except OSError:
        return None


def user() -> str:
    """Who is logged in."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def orphans(folder: Path) -> Sequence[Path]:
    """Labels without an episode, by name: a move was interrupted, or somebody renamed a recording by hand."""
    return [
        path
        for path in sorted(Path(folder).glob(f"*{SUFFIX}"))
        if not path.with_name(path.name[: -len(SUFFIX)] + ".mcap").exists()
    ]


def _label(line: dict) -> Label:
    label = Label(**line)
    if label.verdict not in (None, *get_args(Verdict)):
        raise ValueError(f"verdict {label.verdict!r}")
    return label
