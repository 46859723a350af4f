"""An MCAP file of ROS 2 messages that is whole or absent: the frame of episodes and of incidents."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from mcap.writer import CompressionType, Writer

from gato_ros import __version__
from gato_ros.core.errors import SetupError
from gato_ros.data import messages

SUFFIX = ".mcap"
# Consecutive frames of a camera differ little: a chunk of many frames compresses them against each other.
CHUNK_BYTES = 4 * 2**20


class McapFile:
    """Writes `folder/.partial/name.mcap`; `close` makes it `folder/name.mcap` at once and whole."""

    def __init__(self, folder: Path, name: str, what: str):
        """Raises SetupError if there is one of that name; `what` is what it holds, for that error."""
        if not name or Path(name).name != name or name.startswith("."):
            raise ValueError(f"the name of an {what} is one plain file name, got {name!r}")
        self.path = Path(folder) / f"{name}{SUFFIX}"
        if self.path.exists():
            raise SetupError(expected=f"a new {what} {name!r} in {folder}", got="a file of that name",
                             fix="take another name or folder")
        self._partial = Path(folder) / ".partial" / self.path.name
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._file = open(self._partial, "wb")
        self._writer = Writer(self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD,
                              enable_crcs=True, enable_data_crcs=True)
        self._writer.start(profile="ros2", library=f"gato_ros {__version__}")

    def add_metadata(self, name: str, record: Mapping[str, str]) -> None:
        """A record of texts, by `as_text`."""
        self._writer.add_metadata(name, dict(record))

    def add(self, topic: str, message_type: str, data: bytes | memoryview, stamp_ns: int, sequence: int,
            metadata: Mapping[str, str]) -> None:
        """One message in CDR. `metadata` is the channel's, of its first message."""
        if topic not in self._channels:
            if message_type not in self._schemas:
                self._schemas[message_type] = self._writer.register_schema(
                    message_type, "ros2msg", messages.definition(message_type))
            self._channels[topic] = self._writer.register_channel(
                topic, "cdr", self._schemas[message_type], dict(metadata))
        self._writer.add_message(self._channels[topic], stamp_ns, data, stamp_ns, sequence)

    def close(self) -> Path:
        """Finish the file, put it on the disk and give it its name; the path."""
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self.path)
        sync_folder(self.path.parent)
        return self.path

    def discard(self) -> None:
        """Remove what was written; nothing after `close`."""
        if not self._file.closed:
            self._file.close()
            self._partial.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Put the names in a folder on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def as_text(record: Mapping[str, object]) -> dict[str, str]:
    """The values as JSON texts; ValueError if one has none."""
    try:
        return {key: json.dumps(value, allow_nan=False) for key, value in record.items()}
    except TypeError as error:
        raise ValueError(f"metadata must be JSON: {error}") from None
