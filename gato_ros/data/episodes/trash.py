"""Takes of no use are moved aside, with the reason, and can be moved back. Nothing here deletes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.label import labels_path, now_utc, user
from gato_ros.data.mcap_file import sync_folder

TRASH = ".trash"
ABOUT = "trashed.json"


@dataclass(frozen=True)
class Trashed:
    """One episode in the trash."""

    folder: Path
    """Its own, within the trash: a name can be thrown away many times."""
    name: str
    """File name of the episode."""
    reason: str
    at: str
    by: str

    @property
    def path(self) -> Path:
        return self.folder / self.name


def trash(episode: Path, reason: str, by: str | None = None) -> Trashed:
    """Move the episode and its labels into `.trash` beside it.

    Raises:
        SetupError: there is no such file, or no reason.
    """
    episode = Path(episode)
    if not episode.is_file():
        raise SetupError(expected="an episode to throw away", got=f"no file {episode}", fix="check the path")
    if not reason.strip():
        raise SetupError(expected="a reason", got="none", fix="say why, so that somebody can decide to restore it")
    stamp = now_utc()
    folder = _new_folder(episode.parent / TRASH, f"{stamp.replace(':', '').replace('+0000', 'Z')}-{episode.stem}")
    found = Trashed(folder, episode.name, reason, stamp, by or user())
    # The reason first: an episode is never in the trash without one, whenever this is interrupted.
    partial = folder / f".{ABOUT}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump({"name": found.name, "reason": reason, "at": stamp, "by": found.by}, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / ABOUT)
    _move(episode, found.path)
    return found


def restore(trashed: Trashed) -> Path:
    """Move the episode and its labels back; its path.

    Raises:
        SetupError: another recording has taken the name since.
    """
    path = trashed.folder.parent.parent / trashed.name
    if taken := [one for one in (path, labels_path(path)) if one.exists()]:
        raise SetupError(
            expected=f"the name {taken[0].name} to be free",
            got="a file of that name",
            fix="move or trash that one first",
        )
    _move(trashed.path, path)
    return path


def in_trash(folder: Path) -> list[Trashed]:
    """What lies in the folder's trash, oldest first; what was restored or half moved is not listed."""
    found = []
    for about in sorted((Path(folder) / TRASH).glob(f"*/{ABOUT}")):
        try:
            one = Trashed(about.parent, **json.loads(about.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise SetupError(
                expected=f"a whole file {about}",
                got=f"{type(error).__name__}: {error}",
                fix="mend it by hand: it says name, reason, at and by",
            ) from None
        if one.path.is_file():
            found.append(one)
    return found


def find_in_trash(folder: Path, name: str) -> Trashed:
    """The latest in the folder's trash of that name, with or without its ending; SetupError if there is none."""
    found = [one for one in in_trash(folder) if name in (one.name, Path(one.name).stem, one.folder.name)]
    if not found:
        names = ", ".join(one.name for one in in_trash(folder)) or "nothing"
        raise SetupError(
            expected=f"{name!r} in {Path(folder) / TRASH}",
            got=names,
            fix="`python -m gato_ros episodes ls FOLDER --trash` lists it",
        )
    return found[-1]


def _new_folder(parent: Path, name: str) -> Path:
    parent.mkdir(exist_ok=True)
    for number in range(1, 10_000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise SetupError(expected=f"room in {parent}", got="ten thousand of one name in one second", fix="clear it")


def _move(source: Path, target: Path) -> None:
    """The episode, then its labels: one that is left behind alone is found by `label.orphans`."""
    labels = labels_path(source)
    source.rename(target)
    if labels.exists():
        labels.rename(labels_path(target))
    for folder in (source.parent, target.parent):
        sync_folder(folder)
