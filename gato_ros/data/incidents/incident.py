"""One incident on disk: an MCAP file with the last seconds of everything that crossed the wire before a latch.

Messages lie in it as they were received, on the topics and in the order of their receipt (`log_time`, wall clock);
`sequence` counts them. Each channel's metadata has its `role`, so that a file reads without its contract. The metadata
record `incident` says why it was written, of which robot, and what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gato_ros.data.episodes.mcap_channels import Track, Tracks, load_tracks, unusable
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.data.mcap_file import McapFile, as_text
from gato_ros.version import __version__

SCHEMA_VERSION = 1
WHAT, FIX = "a whole incident", "name a file that incident_node wrote; what lies in .partial was never finished"


@dataclass(frozen=True)
class Topic:
    """What is recorded under one name."""

    name: str
    """Absolute."""
    message_type: str
    """E.g. sensor_msgs/msg/Image."""
    role: str
    """What it is to the loop: image, joints, gripper, policy_journal, guard_journal, ..."""
    key: str = ""
    """Of an image: its key in the contract."""
    values: tuple[str, ...] = ()
    """Of the arm's half of a proposal that is no vx vy vz wz: the fields of a message that hold the action's values, in
    their order, as `twist.angular.x` and `position.elbow`. A replay reads it without the contract."""


@dataclass(frozen=True)
class Incident:
    """An incident read back."""

    about: dict
    """The `incident` record."""
    tracks: Tracks

    def of(self, role: str) -> list[Track]:
        """The channels of a role."""
        return [track for track in self.tracks.tracks.values() if track.metadata.get("role") == role]


def write_incident(
    folder: Path, name: str, topics: Mapping[str, Topic], kept: Iterable[Kept], about: Mapping[str, object]
) -> Path:
    """Write `folder/name.mcap`, whole or not at all; its path.

    Raises:
        OSError: the disk is full or the folder cannot be written.
        SetupError: there is a file of that name.
    """
    file = McapFile(folder, name, "incident")
    try:
        file.add_metadata(
            "incident", as_text({"schema_version": SCHEMA_VERSION, "package_version": __version__, **about})
        )
        for sequence, message in enumerate(kept):
            topic = topics[message.topic]
            more = {"key": topic.key} if topic.key else {}
            more |= as_text({"values": topic.values}) if topic.values else {}
            file.add(
                topic.name, topic.message_type, message.data, message.stamp_ns, sequence, {"role": topic.role, **more}
            )
        return file.close()
    finally:
        file.discard()


def read_incident(path: Path) -> Incident:
    """The incident in `path`, every checksum checked.

    Raises:
        SetupError: the file is missing, cut short, altered, or not an incident that this version reads.
    """
    tracks = load_tracks(Path(path), WHAT, FIX)
    about = tracks.metadata.get("incident")
    if about is None:
        raise unusable(path, WHAT, FIX, "an MCAP file without the record `incident`")
    if about.get("schema_version") != SCHEMA_VERSION:
        raise unusable(path, f"an incident of schema {SCHEMA_VERSION}", FIX, f"schema {about.get('schema_version')}")
    return Incident(about, tracks)
