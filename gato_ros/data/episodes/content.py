"""What an episode holds beside its pictures, gathered message by message while a file goes by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gato_ros.data import messages
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.action_messages import BASE, PARTS, part_of, read_part
from gato_ros.data.episodes.message_stream import Channel, Message

OBSERVATION = (roles.OBSERVATION, messages.FLOAT32_ARRAY)
PRIVILEGED = (roles.PRIVILEGED, messages.FLOAT64_ARRAY)
CAMERA = (roles.IMAGE, messages.IMAGE)
TICK = (roles.TICK, messages.STRING)
_ACTIONS = (roles.LABEL, roles.EXECUTED)


def kind_of(channel: Channel) -> tuple[str, str]:
    """Role and message type."""
    return channel.role, channel.message_type


class EpisodeContent:
    """Add every message, then ask for the fields of an `Episode`.

    What cannot be read is said at the end, once the whole file has gone by and its checksums are known to be right.
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._stamps_ns: list[int] = []
        self._arrays: dict[tuple[str, str], _Rows] = {
            OBSERVATION: _Rows(messages.FLOAT32_ARRAY),
            PRIVILEGED: _Rows(messages.FLOAT64_ARRAY),
        }
        self._actions: dict[tuple[str, str], list[np.ndarray]] = {
            (role, part): [] for role in _ACTIONS for part in (*PARTS, BASE)
        }
        self._ticks: list[dict] = []
        self.image_steps: dict[str, list[int]] = {}
        """Image key -> the steps at which it has a picture, in the order of the file."""
        self.shapes: dict[str, tuple[int, int, int]] = {}
        """Image key -> [height width 3] of its first picture."""
        self._problem: Exception | None = None

    def add(self, message: Message) -> None:
        """One message of the file."""
        try:
            if self._problem is None:
                self._add(message, kind_of(message.channel))
        except (ValueError, KeyError, IndexError) as error:
            self._problem = error

    def _add(self, message: Message, kind: tuple[str, str]) -> None:
        role = kind[0]
        if kind == CAMERA:
            key = message.channel.metadata["key"]
            self.image_steps.setdefault(key, []).append(message.step)
            if key not in self.shapes:
                self.shapes[key] = messages.read_image(message.data).shape
        elif kind in self._arrays:
            self._arrays[kind].add(message.data)
            if kind == OBSERVATION:
                self._steps.append(message.step)
                self._stamps_ns.append(message.stamp_ns)
        elif part := part_of(*kind, message.channel.metadata):
            self._actions[role, part].append(read_part(kind[1], message.channel.metadata, message.data))
        elif kind == TICK:
            self._ticks.append(json.loads(messages.read_text(message.data)))

    def fields(self, channels: Mapping[str, Channel], metadata: Mapping[str, dict]) -> dict[str, Any]:
        """The fields of an `Episode` without pictures; `image_steps` are those at which any camera has one.

        Args:
            channels: of the whole file, by topic.
            metadata: its records, by name.

        Raises:
            ValueError, KeyError, IndexError: it is not an episode.
        """
        if self._problem is not None:
            raise self._problem
        found = [kind_of(channel) for channel in channels.values()]
        _require_one(found, OBSERVATION)
        parts = [(one.role, part_of(*kind_of(one), one.metadata)) for one in channels.values()]
        with_base = any((role, BASE) in parts for role in _ACTIONS)
        for role, part in self._actions:
            if part != BASE or with_base:
                _require_one(parts, (role, part))
        row = {step: index for index, step in enumerate(self._steps)}
        return {
            "metadata": metadata["episode"],
            "outcome": metadata["outcome"],
            "steps": np.array(self._steps, np.int64),
            "stamps_s": np.array(self._stamps_ns, np.float64) / messages.NANOSECONDS,
            "values": self._arrays[OBSERVATION].columns(),
            "image_steps": np.array(sorted({row[step] for one in self.image_steps.values() for step in one}), np.int64),
            "actions": self._vectors(roles.LABEL, with_base),
            "executed": self._vectors(roles.EXECUTED, with_base),
            "privileged": self._privileged(channels.values(), found),
            "ticks": tuple(self._ticks),
        }

    def _vectors(self, role: str, with_base: bool) -> np.ndarray:
        parts = (*PARTS, BASE) if with_base else PARTS
        return np.column_stack([np.array(self._actions[role, part]) for part in parts]).astype(np.float32)

    def _privileged(self, channels: Iterable[Channel], found: Sequence[tuple[str, str]]) -> dict[str, np.ndarray]:
        if PRIVILEGED not in found:
            return {}
        _require_one(found, PRIVILEGED)
        (metadata,) = (channel.metadata for channel in channels if kind_of(channel) == PRIVILEGED)
        result = {}
        for key, values in self._arrays[PRIVILEGED].columns().items():
            dtype, shape = metadata[key].split(" ", 1)
            result[key] = values.reshape(len(values), *json.loads(shape)).astype(dtype)
        return result


def _require_one(found: Sequence[tuple[str, str]], kind: tuple[str, str]) -> None:
    if (count := found.count(kind)) != 1:
        raise ValueError(f"expected one channel of {kind[1]} with role {kind[0]!r}, got {count}")


class _Rows:
    """Arrays with equal labels, kept as bytes: an array object for each would take ten times as much."""

    def __init__(self, message_type: messages.LabelledArray):
        self._message_type: messages.LabelledArray = message_type
        self._labels: tuple[tuple[str, int], ...] = ()
        self._data = bytearray()
        self._count = 0

    def add(self, data: bytes) -> None:
        parts = messages.read_labelled_array(self._message_type, data)
        labels = tuple((key, part.size) for key, part in parts.items())
        if not self._count:
            self._labels = labels
        elif labels != self._labels:
            raise ValueError(f"values {labels}, in the steps before {self._labels}")
        self._count += 1
        for part in parts.values():
            self._data += part.tobytes()

    def columns(self) -> dict[str, np.ndarray]:
        """Key -> [N size]."""
        if not self._count:
            raise ValueError(f"no message of {self._message_type}")
        dtype = np.float32 if self._message_type == messages.FLOAT32_ARRAY else np.float64
        table = np.frombuffer(self._data, dtype).reshape(self._count, -1)
        ends = np.cumsum([size for _, size in self._labels])
        parts = np.split(table, ends[:-1], axis=1) if self._labels else []
        return {key: part.copy() for (key, _), part in zip(self._labels, parts)}
