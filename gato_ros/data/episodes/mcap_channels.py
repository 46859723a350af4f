"""All messages of an MCAP file by channel, every checksum checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gato_ros.data.episodes.message_stream import MessageStream, unusable

__all__ = ["Track", "Tracks", "load_tracks", "unusable"]


@dataclass
class Track:
    """All messages of one channel, in the order of the file."""

    message_type: str
    metadata: Mapping[str, str]
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


def load_tracks(path: Path, what: str, fix: str) -> Tracks:
    """Everything in the file, every checksum checked; all of it is in memory (`MessageStream` is not).

    Raises:
        SetupError: it is missing, cut short or altered; `what` and `fix` go into the message.
    """
    stream = MessageStream(Path(path), what, fix)
    tracks: dict[str, Track] = {}
    for message in stream:
        channel = message.channel
        track = tracks.get(channel.topic)
        if track is None:
            track = tracks[channel.topic] = Track(channel.message_type, channel.metadata)
        track.steps.append(message.step)
        track.stamps_ns.append(message.stamp_ns)
        track.data.append(message.data)
    # In the order of the file, those without a message among them.
    return Tracks(
        stream.metadata,
        {
            topic: tracks.get(topic) or Track(channel.message_type, channel.metadata)
            for topic, channel in stream.channels.items()
        },
    )
