"""An MCAP file of ROS 2 messages that is whole or absent: the frame of episodes and of incidents."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

from mcap.writer import CompressionType, Writer

from gato_ros.core.errors import SetupError
from gato_ros.data import messages
from gato_ros.data.atomic_blocks import WholeBlocks
from gato_ros.version import __version__

SUFFIX = ".mcap"
PARTIAL = ".partial"
# Consecutive frames of a camera differ little: a chunk of many frames compresses them against each other.
CHUNK_BYTES = 4 * 2**20
BLOCK_BYTES = 2**16
"""So much of finished chunks goes to the file together."""


class McapFile:
    """Writes `folder/.partial/name.mcap`; `close` makes it `folder/name.mcap` at once and whole.

    While it is written it is locked: nobody takes a running recording for one that was left behind.
    """

    def __init__(
        self, folder: Path, name: str, what: str, *, draft: str = "", replaces: bool = False, reserve_bytes: int = 0
    ):
        """Raises SetupError if there is one of that name, or if it is being written; `what` is what it holds.

        Args:
            draft: another name for the unfinished file than the final one's.
            replaces: a file of that name may be there, and gives way when this one is whole.
            reserve_bytes: room set aside for the end of a file whose disk runs full.
        """
        if not name or Path(name).name != name or name.startswith("."):
            raise ValueError(f"the name of an {what} is one plain file name, got {name!r}")
        self.path = Path(folder) / f"{name}{SUFFIX}"
        if self.path.exists() and not replaces:
            raise SetupError(
                expected=f"a new {what} {name!r} in {folder}",
                got="a file of that name",
                fix="take another name or folder",
            )
        self._partial = Path(folder) / PARTIAL / (draft or self.path.name)
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._file = open(self._partial, "ab", buffering=0)
        if not lock(self._file):
            self._file.close()
            raise SetupError(
                expected=f"an {what} {name!r} in {folder} that nobody writes",
                got="one being written",
                fix="end that one, or take another name or folder",
            )
        self._file.truncate(0)
        self._blocks = WholeBlocks(self._file, reserve_bytes)
        self._writer = Writer(
            cast("IO[bytes]", self._blocks),  # it calls write, tell and flush
            chunk_size=CHUNK_BYTES,
            compression=CompressionType.ZSTD,
            enable_crcs=True,
            enable_data_crcs=True,
        )
        self._caller_flushes = self._finished = False
        self._writer.start(profile="ros2", library=f"gato_ros {__version__}")

    def add_metadata(self, name: str, record: Mapping[str, str]) -> None:
        """A record of texts, by `as_text`."""
        self._writer.add_metadata(name, dict(record))

    def add(
        self,
        topic: str,
        message_type: str,
        data: bytes | memoryview,
        stamp_ns: int,
        sequence: int,
        metadata: Mapping[str, str],
    ) -> None:
        """One message in CDR. `metadata` is the channel's, of its first message."""
        if topic not in self._channels:
            if message_type not in self._schemas:
                self._schemas[message_type] = self._writer.register_schema(
                    message_type, "ros2msg", messages.definition(message_type)
                )
            self._channels[topic] = self._writer.register_channel(
                topic, "cdr", self._schemas[message_type], dict(metadata)
            )
        data = cast("bytes", data)  # any buffer will do
        self._writer.add_message(self._channels[topic], stamp_ns, data, stamp_ns, sequence)
        # Whoever flushes by himself is not to be stopped by a full disk in the middle of a step.
        if self._blocks.waiting > BLOCK_BYTES and not self._caller_flushes:
            self._blocks.flush()

    def flush(self) -> None:
        """What was added is in the file, in a chunk of its own: a process that is killed now loses nothing of it.

        Raises:
            OSError: no room; the file ends with its last whole chunk, and a later `flush` or `close` tries again.
        """
        self._caller_flushes = True
        self._writer.flush()

    def sync(self) -> None:
        """What was flushed is on the disk: a machine that loses its power now loses nothing of it. Any thread."""
        os.fdatasync(self._file.fileno())

    @property
    def bytes_written(self) -> int:
        """So far, on the disk or on the way there."""
        return self._blocks.tell()

    def close(self) -> Path:
        """Finish the file, put it on the disk and give it its name; the path.

        Raises:
            OSError: not even the room set aside was enough; it may be tried again.
        """
        if not self._finished:
            self._writer.finish()
            self._finished = True
        try:
            self._blocks.flush()
        except OSError:
            self._blocks.release_reserve()
            self._blocks.flush()
        self._blocks.release_reserve()
        os.fsync(self._file.fileno())
        self._partial.replace(self.path)
        self._file.close()
        sync_folder(self.path.parent)
        return self.path

    def discard(self) -> None:
        """Remove what was written; nothing after `close` or `leave`."""
        if not self._file.closed:
            self._partial.unlink(missing_ok=True)
            self.leave()

    def leave(self) -> Path:
        """Let the unfinished file be, for `recovery.recover_partial`; where it lies."""
        self._blocks.release_reserve()
        self._file.close()
        return self._partial


def lock(file: IO[bytes]) -> bool:
    """Claim an open file until it is closed or its process is gone; False if another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
