"""Single frames for training: what was seen, what should be done, and ground truth for auxiliary losses.

Images stay zstd-compressed (about 3 kB a frame instead of 98 kB), those of a long episode in its file, and are
unpacked batch by batch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.command_source import EXPERT, command_sources
from gato_ros.data.episodes.stream import EpisodeStream
from gato_ros.data.frame_blocks import Blocks, BlockWriter, read_arrays

SUFFIX = ".frames.npz"


@dataclass(frozen=True)
class Frames:
    """N frames of one robot or game."""

    image_keys: tuple[str, ...]
    image_shape: tuple[int, int, int]
    """[height width 3] of every image."""
    images: Blocks
    """N zstd blocks, each the images of a frame one after another in the order of `image_keys`; or blocks of several
    frames, which rows share."""
    vectors: dict[str, np.ndarray]
    """Contract key -> [N size] float32; discrete values and texts may have a smaller type that holds them."""
    actions: np.ndarray
    """[N n] float32 labels, `Action.as_vector`."""
    privileged: dict[str, np.ndarray]
    """Privileged key -> [N size] float32, or a smaller type that holds the same numbers."""
    sources: np.ndarray | None = None
    """[N] text, who was in command, or who taught (`command_source`); None: the expert throughout."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def picture_bytes(self) -> int:
        """Bytes of the pictures of one frame."""
        return len(self.image_keys) * math.prod(self.image_shape)

    @property
    def teachers(self) -> np.ndarray:
        """[N] text: `sources` where they are known."""
        return np.full(len(self), EXPERT, "U16") if self.sources is None else self.sources

    def only(self, rows: np.ndarray) -> Frames:
        """The frames of `rows` [n], in that order."""
        return Frames(
            self.image_keys,
            self.image_shape,
            self.images.only(rows),
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
        open_block, frames = None, np.empty((0, *shape), np.uint8)
        for place, row in enumerate(rows):
            block = int(self.images.place[row]), int(self.images.start[row])
            if block != open_block:  # the next row of a window mostly lies in the same one
                content = np.frombuffer(decompressor.decompress(self.images[row]), np.uint8)
                open_block, frames = block, content.reshape(-1, *shape)
            out[place] = frames[0 if self.images.part is None else self.images.part[row]]
        return out


def make_frames(image_keys: Sequence[str], rows: Iterable[tuple[Observation, Action]]) -> Frames:
    """Frames of observations that have images, with their labels."""
    vectors, actions, privileged, shape = {}, [], {}, (0, 0, 3)

    def pictures() -> Iterator[np.ndarray]:
        nonlocal shape
        for observation, action in rows:
            check_one_size({key: observation.values[key].shape for key in image_keys})
            pictures_of = [observation.values[key] for key in image_keys]
            stacked = np.stack(pictures_of) if pictures_of else np.zeros((0, *shape), np.uint8)
            shape = stacked.shape[1:]
            for key, value in observation.values.items():
                if key not in image_keys:
                    vectors.setdefault(key, []).append(value)
            for key, value in observation.privileged.items():
                privileged.setdefault(key, []).append(value)
            actions.append(action.as_vector())
            yield stacked

    blocks = Blocks.of(compressed(pictures()))
    height, width, colours = map(int, shape)
    return Frames(
        tuple(image_keys),
        (height, width, colours),
        blocks,
        _stack(vectors),
        np.array(actions, np.float32) if actions else np.zeros((0, 0), np.float32),
        _stack(privileged),
    )


def check_one_size(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises SetupError where cameras, by name, give pictures of several shapes [height width 3]: frames hold one."""
    if len(set(shapes.values())) > 1:
        raise SetupError(
            expected="cameras of one size to train with",
            got=", ".join(f"{key} {shape[1]}x{shape[0]}" for key, shape in shapes.items()),
            fix="give every camera of the contract the same height and width, and record anew",
        )


def compressed(pictures: Iterable[np.ndarray]) -> Iterator[bytes]:
    """A zstd block for each [cameras height width 3]."""
    compressor = zstandard.ZstdCompressor(level=3)
    for stacked in pictures:
        yield compressor.compress(stacked.data)


def rendered_steps(recorded: EpisodeStream) -> Frames:
    """The steps of an episode that have images, these in memory."""
    return _around(recorded, Blocks.of(_episode_blocks(recorded)))


def save_rendered_steps(path: Path, recorded: EpisodeStream) -> None:
    """As `save_frames` of `rendered_steps`, with one step's pictures in memory."""
    _save(path, _around(recorded, Blocks.of(())), _episode_blocks(recorded))


def _episode_blocks(recorded: EpisodeStream) -> Iterator[bytes]:
    check_one_size(recorded.cameras)
    return compressed(np.stack([*found.values()]) for _, found in recorded.whole_pictures())


def _around(recorded: EpisodeStream, blocks: Blocks) -> Frames:
    episode, rows = recorded.episode, recorded.episode.image_steps
    sources = command_sources(episode)[rows]
    return Frames(
        tuple(recorded.cameras),
        next(iter(recorded.cameras.values()), (0, 0, 3)),
        blocks,
        {key: value[rows] for key, value in episode.values.items()},
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
        Blocks.join([part.images for part in parts]),
        {key: np.concatenate([part.vectors[key] for part in parts]) for key in first.vectors},
        np.concatenate([part.actions for part in parts]),
        {key: np.concatenate([_or_nan(part, key, widths[key]) for part in parts]) for key in sorted(widths)},
        None if all(part.sources is None for part in parts) else np.concatenate([part.teachers for part in parts]),
    )


def save_frames(path: Path, frames: Frames) -> None:
    """Write `path` whole or not at all."""
    rows = range(len(frames))
    if frames.images.part is None:
        _save(path, frames, (frames.images[row] for row in rows))
    else:
        _save(path, frames, compressed(frames.pixels([row])[0] for row in rows))


def _save(path: Path, frames: Frames, blocks: Iterable[bytes]) -> None:
    """The frames with other blocks than theirs."""
    head = json.dumps({"image_keys": frames.image_keys, "image_shape": frames.image_shape})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("." + path.name + ".partial")
    try:
        with open(partial, "wb") as file, BlockWriter(file) as writer:
            for block in blocks:
                writer.add(block)
            writer.finish(
                {
                    "head": np.array(head),
                    "actions": frames.actions,
                    **{f"vector:{key}": value for key, value in frames.vectors.items()},
                    **{f"privileged:{key}": value for key, value in frames.privileged.items()},
                    **({} if frames.sources is None else {"sources": frames.sources}),
                }
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_frames(path: Path) -> Frames:
    """Inverse of `save_frames`; the images of a long file stay in it. SetupError if the file is not whole."""
    try:
        arrays, blocks = read_arrays(path)
        head = json.loads(str(arrays["head"]))
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
