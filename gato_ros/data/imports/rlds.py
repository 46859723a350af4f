"""TensorFlow Datasets in RLDS form, array_record or TFRecord, read without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.imports.source import LeftOut, Pictures, SourceEpisode, as_column, as_picture

OF_OURS = "executed_action"
MARKS = ("is_first", "is_last", "is_terminal")


class RldsSource:
    """A folder with `dataset_info.json` and `features.json`."""

    def __init__(self, place: Path):
        """SetupError: no such folder, or no dataset of episodes with steps."""
        import tensorflow_datasets as tfds

        try:
            self._builder: Any = tfds.builder_from_directory(str(place))
            self._features: Any = self._builder.info.features
            self._splits = {name: split for name, split in self._builder.info.splits.items() if split.num_examples}
            steps = "steps" in self._features
        except Exception as error:  # whatever TensorFlow Datasets and its parsers raise
            raise SetupError(
                expected=f"a TensorFlow Datasets folder in {place}, with dataset_info.json and features.json",
                got=_why_not(Path(place), error),
                fix="name the folder of the version, such as DATASET/1.0.0",
            ) from None
        if not steps:
            raise SetupError(
                expected="episodes in RLDS form: a feature `steps`",
                got=", ".join(self._features),
                fix="see docs/how-to/import.md for what is read",
            )
        ours = OF_OURS in self._features["steps"]
        self.made_by_us = str(self._builder.info.description).split(" at ")[0] if ours else ""

    @cached_property
    def _names(self) -> dict[str, tuple[str, int]]:
        return {f"{name}-{i:06d}": (name, i) for name, split in self._splits.items() for i in range(split.num_examples)}

    def __len__(self) -> int:
        return len(self._names)

    def names(self) -> list[str]:
        return list(self._names)

    def episode(self, name: str) -> SourceEpisode:
        split, number = self._names[name]
        try:
            example = self._example(split, number)
        except (OSError, ValueError, KeyError) as error:
            raise LeftOut(f"a record that cannot be read ({type(error).__name__})") from None
        columns: dict[str, list] = {}
        texts: dict[str, list[str]] = {}
        cameras: tuple[str, ...] = ()
        for step in example["steps"]:
            flat = dict(_flat(step))
            cameras = tuple(key for key, value in flat.items() if _is_picture(value))
            for key, value in flat.items():
                if isinstance(value, bytes | str):
                    texts.setdefault(key, []).append(value.decode() if isinstance(value, bytes) else value)
                elif key not in cameras:
                    columns.setdefault(key, []).append(np.asarray(value))
        numbers = {key: found for key, values in columns.items() if (found := as_column(np.stack(values))) is not None}
        if not numbers:
            raise LeftOut("no steps")
        about = dict(_flat(example.get("episode_metadata", {}))) if "episode_metadata" in self._features else {}
        said = lambda key: about[key].decode() if isinstance(about.get(key), bytes) else str(about.get(key, ""))  # noqa: E731
        task = next((values[0] for key, values in texts.items() if key.endswith("language_instruction")), "")
        source = texts.get("command_source")
        return SourceEpisode(
            said("name") if self.made_by_us else name,
            numbers,
            cameras,
            lambda wanted: self._pictures(example, wanted),
            times_s=numbers["stamp_s"][:, 0] if self.made_by_us else None,
            task=task,
            success={"yes": True, "no": False}.get(said("success")),
            commanded_by=None if source is None else np.array(source),
            as_seen=bool(self.made_by_us),
        )

    def _pictures(self, example: Any, wanted: Sequence[str]) -> Iterator[Pictures]:
        for step in example["steps"]:
            flat = dict(_flat(step))
            yield {key: as_picture(np.asarray(flat[key])) for key in wanted}

    def _example(self, split: str, number: int) -> Mapping[str, Any]:
        if "tfrecord" in str(self._builder.info.file_format.value).lower():
            return self._features.deserialize_example_np(self._record(split, number))
        if (held := self._sources.get(split)) is None:
            held = self._sources[split] = self._builder.as_data_source(split)
        return held[number]

    @cached_property
    def _sources(self) -> dict[str, Any]:
        return {}

    def _record(self, split: str, number: int) -> bytes:
        """Of TFRecord files, which TensorFlow Datasets reads with TensorFlow only."""
        info = self._splits[split]
        for path, count in zip(info.filepaths, info.shard_lengths):
            if number < count:
                return _tf_record(Path(path), number)
            number -= count
        raise LeftOut("a record that is not there")


def _why_not(place: Path, error: Exception) -> str:
    """What is wrong with the folder, in our words; the library's follow where only it knows."""
    if not place.is_dir():
        return "no such folder"
    for name in ("dataset_info.json", "features.json"):
        if not (place / name).is_file():
            return f"no {name} there"
    return f"files that TensorFlow Datasets cannot read ({type(error).__name__}: {' '.join(str(error).split())[:200]})"


def _tf_record(path: Path, number: int) -> bytes:
    """Record `number` of a file: length, checksum of it, the bytes, checksum of them; little-endian."""
    with open(path, "rb") as file:
        for _ in range(number):
            file.seek(struct.unpack("<Q", _exactly(file, 8))[0] + 8, 1)
        (size,) = struct.unpack("<Q", _exactly(file, 8))
        _exactly(file, 4)
        return _exactly(file, size)


def _exactly(file: Any, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise LeftOut("a file that ends in a record")
    return data


def _flat(step: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`observation/state` for what is nested."""
    for key, value in step.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield prefix + key, value


def _is_picture(value: Any) -> bool:
    if not isinstance(value, np.ndarray) or value.ndim != 3:
        return False
    return value.dtype == np.uint8 or (value.dtype in (np.uint16, np.float32) and value.shape[2] == 1)
