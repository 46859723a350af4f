"""All messages of an MCAP file by channel, every checksum checked."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC

from gato_ros.core.errors import SetupError


@dataclass
class Track:
    """All messages of one channel, in the order of the file."""

    message_type: str
    metadata: dict[str, str]
    steps: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)


@dataclass
class Tracks:
    metadata: dict[str, dict]
    """Metadata record name -> its values."""
    tracks: dict[str, Track]
    """Topic -> track."""

    def only(self, role: str, message_type: str) -> Track:
        found = self.having(role, message_type)
        if len(found) != 1:
            raise ValueError(f"expected one channel of {message_type} with role {role!r}, got {len(found)}")
        return found[0]

    def having(self, role: str, message_type: str) -> list[Track]:
        return [
            track
            for track in self.tracks.values()
            if track.metadata.get("role") == role and track.message_type == message_type
        ]


def unusable(path: Path, what: str, fix: str, reason: str) -> SetupError:
    """The error for a file that is not `what`."""
    return SetupError(expected=f"{what} in {path}", got=reason, fix=fix)


def load_tracks(path: Path, what: str, fix: str) -> Tracks:
    """Everything in the file, every checksum checked.

    Raises:
        SetupError: it is missing, cut short or altered; `what` and `fix` go into the message.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unusable(path, what, fix, error.strerror or str(error)) from None
    if not content.startswith(MCAP0_MAGIC):
        raise unusable(path, what, fix, "not an MCAP file")
    if not content.endswith(MCAP0_MAGIC):
        raise unusable(path, what, fix, "truncated: it does not end as an MCAP file does")
    schemas: dict[int, str] = {}
    channels: dict[int, Track] = {}
    result = Tracks({}, {})
    try:
        for record in StreamReader(io.BytesIO(content), validate_crcs=True).records:
            if isinstance(record, Message):
                track = channels[record.channel_id]
                track.steps.append(record.sequence)
                track.stamps_ns.append(record.log_time)
                track.data.append(record.data)
            elif isinstance(record, Schema):
                schemas[record.id] = record.name
            elif isinstance(record, Channel) and record.id not in channels:
                track = Track(schemas[record.schema_id], record.metadata)
                channels[record.id] = result.tracks[record.topic] = track
            elif isinstance(record, Metadata):
                result.metadata[record.name] = {key: json.loads(value) for key, value in record.metadata.items()}
    # Altered bytes fail in whichever decoder meets them first (struct, zstd, checksum, utf-8, json).
    except Exception as error:
        raise unusable(path, what, fix, f"altered content ({type(error).__name__}: {error})") from None
    return result
