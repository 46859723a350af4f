"""What a killed writer left behind, made into an episode: every whole step of every whole chunk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader

from gato_ros.core.errors import SetupError
from gato_ros.data.episodes.channel_roles import ALIGNED, IMAGE, OBSERVATION
from gato_ros.data.mcap_file import PARTIAL, SUFFIX, McapFile, as_text, lock, sync_folder

TORN = ".torn"
"""Folder beside the episodes for what they were recovered from. Nothing here deletes."""
WHAT, FIX = "an episode cut short", "what it holds is kept; nothing can be made of it"


def partial_paths(folder: Path) -> list[Path]:
    """What writers of a folder left unfinished, or are writing just now."""
    return sorted((Path(folder) / PARTIAL).glob(f"*{SUFFIX}"))


def recover_all(folder: Path) -> list[str]:
    """Make episodes of what killed writers left in a folder; a line for each file says what became of it."""
    found = []
    for path in partial_paths(folder):
        try:
            found.append(f"{recover_partial(path).name}: recovered")
        except SetupError as error:
            if "being written" in error.got:
                continue  # another recorder's
            found.append(f"{path.name}: {error.got}; kept in {set_aside(path)}")
        except OSError as error:
            found.append(f"{path.name}: not recovered: {error}")
    return found


def recover_partial(path: Path) -> Path:
    """The episode that a cut or unfinished file holds, under its name in its folder; its outcome says `recovered`.

    The file itself is moved to `.torn`; another file is never touched. A step that is not whole is left out, and so is
    all that follows the first damage.

    Args:
        path: in a `.partial` folder, or a damaged episode among others, which the repaired one replaces.

    Raises:
        SetupError: it is being written, is whole already, or holds no whole step; then nothing was changed.
        OSError: no room for the repaired file; the damaged one is where it was.
    """
    path = Path(path)
    folder = path.parent.parent if path.parent.name == PARTIAL else path.parent
    final = folder / path.name
    try:
        source = open(path, "rb")
    except OSError as error:
        raise _nothing(path, error.strerror or str(error)) from None
    with source:
        if not lock(source):
            raise _nothing(path, "one that is being written")
        if path != final and final.exists():
            # A recovery was killed after its last step but one.
            _set_aside(path, folder, final)
            return final
        found = _survey(path)
        if found.whole and path == final:
            raise _nothing(path, "one that ends as it should")
        if not found.steps:
            raise _nothing(path, f"no whole step in {path.stat().st_size} bytes")
        if path == final:
            _set_aside(path, folder, final)
        _write(path, folder, found)
        if path != final:
            _set_aside(path, folder, final)
    return final


def set_aside(path: Path) -> Path:
    """Move an unfinished file of which nothing can be made to `.torn`; its new place."""
    return _set_aside(path, path.parent.parent, path.parent.parent / path.name)


@dataclass
class _Found:
    """What is whole in a file."""

    steps: set[int] = field(default_factory=set)
    """Steps that all aligned channels have."""
    outcome: dict = field(default_factory=dict)
    """What its writer said at the end, if it came to that."""
    whole: bool = False
    """The file ends as an MCAP file does."""


def _nothing(path: Path, got: str) -> SetupError:
    return SetupError(expected=f"{WHAT} in {path}", got=got, fix=FIX)


def _records(path: Path, found: _Found | None = None) -> Iterator:
    """The records up to the end or the first damage."""
    with open(path, "rb") as file:
        try:
            yield from StreamReader(file, validate_crcs=True).records
        # Cut or altered bytes fail in whichever decoder meets them first.
        except Exception:
            return
    if found is not None:
        found.whole = True


def _survey(path: Path) -> _Found:
    found = _Found()
    roles: dict[int, str] = {}
    steps: dict[int, set[int]] = {}
    for record in _records(path, found):
        if isinstance(record, Channel):
            roles[record.id] = record.metadata.get("role", "")
        elif isinstance(record, Message) and roles.get(record.channel_id) in ALIGNED:
            steps.setdefault(record.channel_id, set()).add(record.sequence)
        elif isinstance(record, Metadata) and record.name == "outcome":
            found.outcome = {key: json.loads(value) for key, value in record.metadata.items()}
    has_observations = any(roles[channel] == OBSERVATION for channel in steps)
    every_step = [given for channel, given in steps.items() if roles[channel] != IMAGE]
    if has_observations:
        found.steps = set.intersection(*every_step)
        found.steps -= _half_pictured([given for channel, given in steps.items() if roles[channel] == IMAGE])
    return found


def _half_pictured(cameras: list[set[int]]) -> set[int]:
    """Steps that some cameras show and others do not."""
    return set.union(*cameras) - set.intersection(*cameras) if cameras else set()


def _write(path: Path, folder: Path, found: _Found) -> None:
    # Not a name that ends as a recording does: killed in here, it is overwritten by the next try.
    file = McapFile(folder, path.stem, "episode", draft=f"{path.name}.recovering", replaces=True)
    topics: dict[int, Channel] = {}
    schemas: dict[int, str] = {}
    try:
        for record in _records(path):
            if isinstance(record, Schema):
                schemas[record.id] = record.name
            elif isinstance(record, Channel):
                topics[record.id] = record
            elif isinstance(record, Metadata) and record.name != "outcome":
                file.add_metadata(record.name, record.metadata)
            elif isinstance(record, Message):
                channel = topics[record.channel_id]
                if channel.metadata.get("role") not in ALIGNED or record.sequence in found.steps:
                    file.add(
                        channel.topic,
                        schemas[channel.schema_id],
                        record.data,
                        record.log_time,
                        record.sequence,
                        channel.metadata,
                    )
        outcome = {"success": None, "end": "killed", **found.outcome}
        file.add_metadata("outcome", as_text({**outcome, "steps": len(found.steps), "recovered": True}))
        file.close()
    finally:
        file.discard()


def _set_aside(path: Path, folder: Path, final: Path) -> Path:
    """Keep the file in `.torn`; under an episode's own name it stays as well, until the repaired one takes that."""
    torn = folder / TORN
    torn.mkdir(exist_ok=True)
    number, kept = 1, torn / path.name
    while kept.exists():
        if path == final and kept.samefile(path):
            return kept
        number, kept = number + 1, torn / f"{path.stem}-{number + 1}{SUFFIX}"
    os.link(path, kept)
    if path != final:
        path.unlink()
    sync_folder(torn)
    return kept
