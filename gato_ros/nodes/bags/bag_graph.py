"""A bag in the place of a ROS graph: subscriptions are fed with its messages, in the order of their receipt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.source import LeftOut

METADATA = "metadata.yaml"


def bags_at(place: Path) -> list[Path]:
    """The bag at `place`, or all below it, by name; SetupError if there is none."""
    place = Path(place)
    found = [place] if (place / METADATA).is_file() else sorted(path.parent for path in place.rglob(METADATA))
    if not found:
        raise SetupError(
            expected=f"a rosbag2 folder, with {METADATA}, at {place} or below it",
            got="none",
            fix="name the folder that `ros2 bag record` made; `ros2 bag reindex` makes a metadata.yaml that is missing",
        )
    return found


class BagGraph:
    """What `SensorSubscriptions` needs of a node, and the bag behind it."""

    def __init__(self, path: Path, namespace: str):
        self._path, self._namespace = path, namespace.strip("/")
        self._callbacks: dict[str, list[tuple[type, Callable[[Any], None]]]] = {}

    def create_subscription(self, kind: type, topic: str, callback: Callable, quality: Any) -> Any:
        """As a node's; the quality of service no longer matters."""
        name = self.resolve_topic_name(topic)
        self._callbacks.setdefault(name, []).append((kind, callback))
        return SimpleNamespace(topic_name=name, qos_profile=quality, get_publisher_count=lambda: 0)

    def resolve_topic_name(self, topic: str) -> str:
        return topic if topic.startswith("/") else f"/{self._namespace}/{topic}" if self._namespace else f"/{topic}"

    def types(self) -> dict[str, str]:
        """Topic -> message type, of those that have a message; LeftOut for a bag that cannot be read."""
        with self._opened() as reader:
            return {one.topic: one.msgtype for one in reader.connections if one.msgcount}

    def play(self) -> Iterator[float]:
        """Feeds message after message; yields the time of receipt [s] before each is delivered.

        Raises:
            LeftOut: the bag cannot be read. What a callback raises passes through: it is a fault of ours.
        """
        with self._opened() as reader:
            wanted = [one for one in reader.connections if one.topic in self._callbacks]
            messages = reader.messages(connections=wanted)
            while (found := _read(next, messages, None)) is not None:
                connection, stamp_ns, data = found
                yield stamp_ns * 1e-9
                for kind, callback in self._callbacks[connection.topic]:
                    if f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}" == connection.msgtype:
                        callback(_read(deserialize_message, bytes(data), kind))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Reader]:
        reader = _read(Reader, self._path)
        _read(reader.open)
        try:
            yield reader
        finally:
            reader.close()


def _read(call: Callable[..., Any], *arguments: Any) -> Any:
    """What it returns; LeftOut for whatever rosbags, its storages and rclpy raise for a bag that is cut or damaged."""
    try:
        return call(*arguments)
    except Exception as error:
        raise LeftOut(f"a bag that cannot be read ({type(error).__name__})") from None
