"""The messages of an MCAP file one after the other, every checksum checked, never the whole file in memory."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mcap.reader import make_reader
from mcap.records import Channel as ChannelRecord
from mcap.records import Message as MessageRecord
from mcap.records import Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC

from gato_ros.core.errors import SetupError

READ_BYTES = 2**20
_FOOTER = 1 + 8 + 8 + 8 + 4
"""Bytes of the last record: its kind, its length, two places and the summary's checksum."""


@dataclass(frozen=True)
class Channel:
    """What a file says of one of its channels."""

    topic: str
    message_type: str
    metadata: Mapping[str, str]

    @property
    def role(self) -> str:
        """What it is to the loop (`roles`); empty in files of others."""
        return self.metadata.get("role", "")


class Message(NamedTuple):
    """One message as it lies in the file."""

    channel: Channel
    step: int
    stamp_ns: int
    data: bytes


@dataclass(frozen=True)
class Contents:
    """What is in a file, by its summary."""

    channels: dict[str, Channel]
    """Topic -> channel."""
    counts: dict[str, int]
    """Topic -> messages."""
    metadata: dict[str, dict]
    """Metadata record -> its values."""
    first_ns: int = 0
    """Stamp of the first message."""
    last_ns: int = 0

    def having(self, role: str, message_type: str) -> list[Channel]:
        """The channels of a role and a type, in the order of the file."""
        return [one for one in self.channels.values() if one.role == role and one.message_type == message_type]


def unusable(path: Path, what: str, fix: str, reason: str) -> SetupError:
    """The error for a file that is not `what`."""
    return SetupError(expected=f"{what} in {path}", got=reason, fix=fix)


@dataclass
class MessageStream:
    """The file `path`. Iterate to get its messages in its order; each iteration opens it anew.

    Memory: one chunk of the file (ours have 4 MiB or one message).
    """

    path: Path
    what: str
    """What it should be, for the errors."""
    fix: str
    metadata: dict[str, dict] = field(default_factory=dict)
    """Metadata record -> its values, as far as the iteration has come; all of them at its end."""
    channels: dict[str, Channel] = field(default_factory=dict)
    """Topic -> channel, as far as the iteration has come; those without a message as well."""

    def __iter__(self) -> Iterator[Message]:
        """Raises SetupError: the file is missing, cut short or altered; also in the middle."""
        schemas: dict[int, str] = {}
        numbers: dict[int, Channel] = {}
        self.metadata, self.channels = {}, {}
        with _opened(self) as file:
            records = _Altered(self, StreamReader(file, validate_crcs=True, record_size_limit=_size(file)).records)
            for record in records:
                if isinstance(record, MessageRecord):
                    channel = numbers.get(record.channel_id)
                    if channel is None:
                        raise self._unusable(f"altered content (a message of the unknown channel {record.channel_id})")
                    yield Message(channel, record.sequence, record.log_time, record.data)
                elif isinstance(record, Schema):
                    schemas[record.id] = record.name
                elif isinstance(record, ChannelRecord):
                    if record.id not in numbers:
                        numbers[record.id] = self._channel(record, schemas)
                elif isinstance(record, Metadata):
                    self.metadata[record.name] = _values(record)

    def contents(self) -> Contents:
        """What the summary says, its checksum checked; a file without a summary is read through.

        Raises:
            SetupError: the file is missing, cut short or altered.
        """
        with _opened(self) as file:
            try:
                _check_summary(file)
                reader = make_reader(file)
                found = reader.get_summary()
                records = list(reader.iter_metadata()) if found else []
            # Altered bytes fail in whichever decoder meets them first.
            except Exception as error:
                raise self._altered(error) from None
        if found is None or found.statistics is None or len(records) < found.statistics.metadata_count:
            return self._counted()
        schemas = {number: one.name for number, one in found.schemas.items()}
        channels = {}
        counts: dict[str, int] = {}
        for number, record in found.channels.items():
            channels[record.topic] = _channel(record, schemas)
            count = found.statistics.channel_message_counts.get(number, 0)
            counts[record.topic] = counts.get(record.topic, 0) + count
        times = found.statistics.message_start_time, found.statistics.message_end_time
        return Contents(channels, counts, {one.name: _values(one) for one in records}, *times)

    def _counted(self) -> Contents:
        counts: dict[str, int] = {}
        first_ns, last_ns = 2**63, 0
        for message in self:
            counts[message.channel.topic] = counts.get(message.channel.topic, 0) + 1
            first_ns, last_ns = min(first_ns, message.stamp_ns), max(last_ns, message.stamp_ns)
        every = {topic: counts.get(topic, 0) for topic in self.channels}
        return Contents(dict(self.channels), every, self.metadata, min(first_ns, last_ns), last_ns)

    def _channel(self, record: ChannelRecord, schemas: Mapping[int, str]) -> Channel:
        channel = _channel(record, schemas)
        known = self.channels.setdefault(channel.topic, channel)
        if known != channel:
            raise self._unusable(f"two different channels on the topic {channel.topic}")
        return known

    def _unusable(self, reason: str) -> SetupError:
        return unusable(self.path, self.what, self.fix, reason)

    def _altered(self, error: Exception) -> SetupError:
        return self._unusable(f"altered content ({type(error).__name__}: {error})")


class _Altered:
    """The records of a file; whatever its bytes make fail is said as one error, the consumer's own errors are not."""

    def __init__(self, stream: MessageStream, records: Iterator):
        self._stream = stream
        self._records = records

    def __iter__(self) -> _Altered:
        return self

    def __next__(self):
        try:
            return next(self._records)
        except StopIteration:
            raise
        # Altered bytes fail in whichever decoder meets them first (struct, zstd, checksum, utf-8).
        except Exception as error:
            raise self._stream._altered(error) from None


def _opened(stream: MessageStream) -> BinaryIO:
    """The file at its beginning, which has the marks of an MCAP file at both ends."""
    try:
        file = open(stream.path, "rb", buffering=READ_BYTES)
    except OSError as error:
        raise stream._unusable(error.strerror or str(error)) from None
    try:
        begins, size = file.read(len(MCAP0_MAGIC)), _size(file)
        file.seek(max(0, size - len(MCAP0_MAGIC)))
        ends = file.read()
        file.seek(0)
    except OSError as error:
        file.close()
        raise stream._unusable(error.strerror or str(error)) from None
    reason = "an empty file" if not size else "not an MCAP file" if begins != MCAP0_MAGIC else ""
    if not reason and (ends != MCAP0_MAGIC or size < 2 * len(MCAP0_MAGIC)):
        reason = "truncated: it does not end as an MCAP file does"
    if reason:
        file.close()
        raise stream._unusable(reason)
    return file


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _check_summary(file: BinaryIO) -> None:
    """Raises ValueError where the summary is not what was written."""
    end = _size(file) - len(MCAP0_MAGIC)
    file.seek(end - _FOOTER)
    start, _, checksum = struct.unpack("<QQI", file.read(_FOOTER)[9:])
    if start and checksum:
        file.seek(start)
        if zlib.crc32(file.read(max(0, end - 4 - start))) != checksum:
            raise ValueError("the summary's checksum does not fit")
    file.seek(0)


def _channel(record: ChannelRecord, schemas: Mapping[int, str]) -> Channel:
    return Channel(record.topic, schemas.get(record.schema_id, ""), dict(record.metadata))


def _values(record: Metadata) -> dict:
    """The record's values: JSON where they are JSON, as ours are, else the text."""
    values = {}
    for key, text in record.metadata.items():
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values
