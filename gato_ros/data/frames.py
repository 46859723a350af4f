"""Single frames for training: what was seen, what should be done, and ground truth for auxiliary losses.

Images stay zstd-compressed in memory (about 3 kB a frame instead of 98 kB) and are unpacked batch by batch.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.command_source import EXPERT, command_sources
from gato_ros.data.episode import Episode, episode_paths, read_episode

SUFFIX = ".frames.npz"
CACHE = ".frames"
"""Folder beside episodes that keeps their frames, so that a second training starts at once."""


@dataclass(frozen=True)
class Frames:
    """N frames of one embodiment."""

    image_keys: tuple[str, ...]
    image_shape: tuple[int, int, int]
    """[height width 3] of every image."""
    images: tuple[bytes, ...]
    """N zstd blocks, each the images of a frame one after another in the order of `image_keys`."""
    vectors: dict[str, np.ndarray]
    """Contract key -> [N size] float32."""
    actions: np.ndarray
    """[N 5] float32 labels, `Action.as_vector`."""
    privileged: dict[str, np.ndarray]
    """Privileged key -> [N size] float32."""
    sources: np.ndarray | None = None
    """[N] text, who was in command, or who taught (`command_source`); None: the expert throughout."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def teachers(self) -> np.ndarray:
        """[N] text: `sources` where they are known."""
        return np.full(len(self), EXPERT, "U16") if self.sources is None else self.sources

    def only(self, rows: np.ndarray) -> Frames:
        """The frames of `rows` [n], in that order."""
        return Frames(
            self.image_keys,
            self.image_shape,
            tuple(self.images[row] for row in rows),
            {key: value[rows] for key, value in self.vectors.items()},
            self.actions[rows],
            {key: value[rows] for key, value in self.privileged.items()},
            None if self.sources is None else self.sources[rows],
        )

    def pixels(self, rows: Sequence[int]) -> np.ndarray:
        """uint8 [len(rows) cameras height width 3]."""
        decompressor = zstandard.ZstdDecompressor()
        shape = (len(self.image_keys), *self.image_shape)
        out = np.empty((len(rows), *shape), np.uint8)
        for place, row in enumerate(rows):
            out[place] = np.frombuffer(decompressor.decompress(self.images[row]), np.uint8).reshape(shape)
        return out


def make_frames(image_keys: Sequence[str], rows: Iterable[tuple[Observation, Action]]) -> Frames:
    """Frames of observations that have images, with their labels."""
    compressor = zstandard.ZstdCompressor(level=3)
    blocks, vectors, actions, privileged, shape = [], {}, [], {}, (0, 0, 3)
    for observation, action in rows:
        pictures = np.stack([observation.values[key] for key in image_keys])
        shape = pictures.shape[1:]
        blocks.append(compressor.compress(pictures.tobytes()))
        for key, value in observation.values.items():
            if key not in image_keys:
                vectors.setdefault(key, []).append(value)
        for key, value in observation.privileged.items():
            privileged.setdefault(key, []).append(value)
        actions.append(action.as_vector())
    return Frames(
        tuple(image_keys),
        tuple(int(n) for n in shape),
        tuple(blocks),
        _stack(vectors),
        np.array(actions, np.float32).reshape(-1, 5),
        _stack(privileged),
    )


def frames_from_episode(path: Path) -> Frames:
    """The rendered steps of a recorded episode."""
    return rendered_steps(read_episode(path))


def rendered_steps(episode: Episode) -> Frames:
    """The steps of an episode that have images."""
    rows = episode.image_steps
    image_keys = tuple(sorted(key for key, value in episode.values.items() if value.ndim == 4))
    compressor = zstandard.ZstdCompressor(level=3)
    pictures = [np.stack([episode.values[key][i] for key in image_keys]) for i in range(len(rows))]
    shape = tuple(int(n) for n in pictures[0].shape[1:]) if pictures else (0, 0, 3)
    sources = command_sources(episode)[rows]
    return Frames(
        image_keys,
        shape,
        tuple(compressor.compress(p.tobytes()) for p in pictures),
        {key: value[rows] for key, value in episode.values.items() if key not in image_keys},
        episode.actions[rows],
        {key: value[rows].astype(np.float32) for key, value in episode.privileged.items()},
        None if (sources == EXPERT).all() else sources,
    )


def _stack(columns: dict[str, list]) -> dict[str, np.ndarray]:
    return {key: np.stack(values).astype(np.float32) for key, values in columns.items()}


def _or_nan(part: Frames, key: str, width: int) -> np.ndarray:
    return part.privileged.get(key, np.full((len(part), width), np.nan, np.float32))


def join(parts: Sequence[Frames]) -> Frames:
    """All frames of several parts; SetupError where they do not have the same channels.

    Privileged values may differ: what a part does not have is NaN there.
    """
    first = parts[0]
    for part in parts[1:]:
        if (part.image_keys, part.image_shape, set(part.vectors)) != (
            first.image_keys,
            first.image_shape,
            set(first.vectors),
        ):
            raise SetupError(
                expected=f"frames with {sorted(first.vectors)} and images {first.image_keys}",
                got=f"{sorted(part.vectors)} and {part.image_keys}",
                fix="collect them with one contract",
            )
    widths = {key: value.shape[1] for part in parts for key, value in part.privileged.items()}
    return Frames(
        first.image_keys,
        first.image_shape,
        sum((part.images for part in parts), ()),
        {key: np.concatenate([part.vectors[key] for part in parts]) for key in first.vectors},
        np.concatenate([part.actions for part in parts]),
        {key: np.concatenate([_or_nan(part, key, widths[key]) for part in parts]) for key in sorted(widths)},
        None if all(part.sources is None for part in parts) else np.concatenate([part.teachers for part in parts]),
    )


def save_frames(path: Path, frames: Frames) -> None:
    """Write `path` whole or not at all."""
    head = json.dumps({"image_keys": frames.image_keys, "image_shape": frames.image_shape})
    arrays = {
        "head": np.array(head),
        "lengths": np.array([len(block) for block in frames.images], np.int64),
        "blocks": np.frombuffer(b"".join(frames.images), np.uint8),
        "actions": frames.actions,
        **{f"vector:{key}": value for key, value in frames.vectors.items()},
        **{f"privileged:{key}": value for key, value in frames.privileged.items()},
        **({} if frames.sources is None else {"sources": frames.sources}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("." + path.name + ".partial")
    with open(partial, "wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def load_frames(path: Path) -> Frames:
    """Inverse of `save_frames`; SetupError if the file is not whole."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        head = json.loads(str(arrays["head"]))
        ends = np.cumsum(arrays["lengths"])
        blob = arrays["blocks"].tobytes()
        blocks = tuple(blob[end - length : end] for end, length in zip(ends, arrays["lengths"]))
        pick = lambda prefix: {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}  # noqa: E731
        return Frames(
            tuple(head["image_keys"]),
            tuple(head["image_shape"]),
            blocks,
            pick("vector:"),
            arrays["actions"],
            pick("privileged:"),
            arrays.get("sources"),
        )
    except Exception as error:  # zip, json and numpy each fail in their own way on a cut file
        raise SetupError(
            expected=f"a whole frames file {path}",
            got=f"{type(error).__name__}: {error}",
            fix="delete it and collect again",
        ) from None


def cache_path(episode: Path, suffix: str) -> Path:
    """Where what is read from an episode is kept; another recording of the same name has another place."""
    return episode.parent / CACHE / f"{episode.stem}-{episode.stat().st_size}{suffix}"


def frame_parts(folder: Path, skip: Container[Path] = ()) -> list[Frames]:
    """The frames of a folder, file by file: its `*.frames.npz` and the rendered steps of its episodes (cached).

    Args:
        skip: episodes that do not count (`admission.left_out`).

    Raises:
        SetupError: the folder holds neither.
    """
    folder = Path(folder)
    parts = [load_frames(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    for path in episode_paths(folder):
        if path in skip:
            continue
        cached = cache_path(path, SUFFIX)
        if not cached.exists():
            save_frames(cached, frames_from_episode(path))
        parts.append(load_frames(cached))
    parts = [part for part in parts if len(part)]
    if not parts:
        raise SetupError(
            expected=f"episodes or frames in {folder}", got="none", fix="run `python -m gato_ros collect` first"
        )
    return parts
