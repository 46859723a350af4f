"""An array_record of demonstrations of one task: the first record says what the others have in common.

The extra packages of a domain bring `array_record` along; nothing else of gato_ros needs it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.core.spec import ImageSpec, StepSpec, step_spec_from_dict, step_spec_to_dict
from gato_ros.data.demonstrations.demonstration import Demonstration
from gato_ros.data.demonstrations.record import Record, record_bytes, record_of
from gato_ros.data.disk_error import disk_error

SUFFIX = ".array_record"
FORMATS = (1, 2)
"""Those that are read. In the second one a block of pictures holds several steps; without pictures it is the first."""
_OPTIONS = "group_size:64,zstd:9,max_parallelism:1"
"""64 records are compressed together, a third of what they take one by one: a BabyAI episode is 400 bytes."""


@dataclass(frozen=True)
class Episode:
    """What a shard's head says of one of its records."""

    seed: int
    length: int
    """Steps."""
    reward: float
    success: bool


@dataclass(frozen=True)
class Head:
    """What the episodes of a shard have in common, and a line for each."""

    domain: str
    task: str
    spec: StepSpec
    metric: str
    """What an episode is worth: its "return", or its "success"."""
    driver: str
    """Who chose what was carried out: "expert", or the digest of weights."""
    teacher: str
    """Who chose the labels."""
    about: dict[str, Any]
    """How it was collected, and versions of packages; ready for JSON."""
    episodes: tuple[Episode, ...] = ()

    @property
    def images(self) -> dict[str, ImageSpec]:
        """Observations that are images, in the order in which a record holds them."""
        return {key: one for key, one in self.spec.observations.items() if isinstance(one, ImageSpec)}

    @property
    def image_keys(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.images)


def write_shard(path: Path, head: Head, demonstrations: Sequence[Demonstration]) -> None:
    """Write `path` whole or not at all.

    Raises:
        SetupError: array_record is not installed.
        OSError: the disk is full or refuses.
    """
    writer_class = _library().ArrayRecordWriter
    rows = [[one.seed, len(one), one.reward, one.success] for one in demonstrations]
    first = {
        "format": FORMATS[bool(head.images)],
        **_plain(head),
        "columns": ["seed", "length", "return", "success"],
        "episodes": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        writer = writer_class(str(partial), _OPTIONS)
        try:
            writer.write(json.dumps(first, allow_nan=False).encode())
            for one in demonstrations:
                writer.write(record_bytes(one, head.image_keys))
        finally:
            writer.close()
        partial.replace(path)
    except RuntimeError as error:  # array_record says in words what the disk refused
        raise disk_error(str(error), path) or error from None
    finally:
        partial.unlink(missing_ok=True)


def read_head(path: Path) -> Head:
    """What a shard holds; SetupError if it is damaged."""
    with _whole(path) as reader:
        return _checked_head(reader)


def read_shard(path: Path, count: int | None = None) -> tuple[Head, list[tuple[Episode, Record]]]:
    """What a shard holds, and its first `count` episodes; all by default.

    Raises:
        SetupError: it is damaged.
    """
    with _whole(path) as reader:
        head = _checked_head(reader)
        wanted = head.episodes[:count]
        contents = reader.read(1, 1 + len(wanted)) if wanted else []
        records = [record_of(content) for content in contents]
        for episode, record in zip(wanted, records):
            if len(record.executed) != episode.length:
                raise ValueError(f"seed {episode.seed} has {len(record.executed)} steps, not {episode.length}")
    return head, list(zip(wanted, records))


def _plain(head: Head) -> dict[str, Any]:
    names = ("domain", "task", "metric", "driver", "teacher", "about")
    return {**{name: getattr(head, name) for name in names}, "spec": step_spec_to_dict(head.spec)}


def _checked_head(reader: Any) -> Head:
    values = json.loads(reader.read([0])[0])
    if values["format"] not in FORMATS:
        raise ValueError(f"format {values['format']}, and this version reads {FORMATS}")
    episodes = tuple(Episode(seed, length, reward, success) for seed, length, reward, success in values["episodes"])
    if reader.num_records() != 1 + len(episodes):
        raise ValueError(f"{reader.num_records() - 1} records, and its head names {len(episodes)}")
    names = ("domain", "task", "metric", "driver", "teacher", "about")
    return Head(**{name: values[name] for name in names}, spec=step_spec_from_dict(values["spec"]), episodes=episodes)


def open_shard(path: Path) -> Any:
    """array_record's reader of a shard; SetupError where it cannot be read."""
    library = _library()
    try:
        return library.ArrayRecordReader(str(path), "readahead_buffer_size:0,max_parallelism:0")
    except Exception as error:
        raise _damaged(path, error) from None


@contextlib.contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Every error in the with-block is a SetupError of that shard: the library fails in ways of its own."""
    try:
        yield
    except SetupError:
        raise
    except Exception as error:
        raise _damaged(path, error) from None


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """The reader of a shard, which is closed afterwards."""
    reader = open_shard(path)
    try:
        with said_plainly(path):
            yield reader
    finally:
        with contextlib.suppress(RuntimeError):  # that of the read once more
            reader.close()


def _damaged(path: Path, error: Exception) -> SetupError:
    said = " ".join(str(error).split())[:120]
    return SetupError(
        expected=f"a whole shard of demonstrations {path}",
        got=f"{type(error).__name__}: {said}",
        fix="delete it and collect again",
    )


def _library() -> Any:
    try:
        return import_module("array_record.python.array_record_module")
    except ModuleNotFoundError as error:
        raise SetupError(
            expected="the package array_record, for demonstrations of a domain",
            got=f"no module {error.name}",
            fix="run `pip install gato_ros[domains]`",
        ) from None
