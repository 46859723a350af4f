"""The pictures of an episode, compressed as they come: a game has thousands of steps, each nearly as the one before.

FRAMES_PER_BLOCK steps make one zstd block. At 96 x 128 px a step of five Atari games then takes 70 to 600 bytes in
place of 330 to 2,200, and to read one takes 0.2 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import zstandard

from gato_ros.data.frames import check_one_size

FRAMES_PER_BLOCK = 32


@dataclass(frozen=True)
class Pictures:
    """Of T steps."""

    keys: tuple[str, ...]
    """Names of the cameras, in lexicographic order, as in a step's spec."""
    blocks: bytes
    """zstd blocks, one behind the other: each the pictures of FRAMES_PER_BLOCK steps, the last one of those left. Of a
    step all cameras [cameras height width 3]."""
    lengths: np.ndarray
    """[blocks] int64 bytes of each."""


class PictureWriter:
    """Holds one block's pictures at most; all else is compressed."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._keys: tuple[str, ...] | None = None
        self._shape: tuple[int, ...] = ()
        self._waiting: list[bytes] = []
        self._blocks = bytearray()
        self._lengths: list[int] = []

    def add(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Those of the next step: camera -> uint8 [height width 3]; of no camera as well.

        Raises:
            SetupError: cameras of several sizes.
            ValueError: other cameras, or another size, than in the step before.
        """
        keys = tuple(sorted(pictures))
        check_one_size({key: pictures[key].shape for key in keys})
        shape = pictures[keys[0]].shape if keys else ()
        if self._keys is None:
            self._keys, self._shape = keys, shape
        if (keys, shape) != (self._keys, self._shape):
            raise ValueError(f"pictures {self._keys} {self._shape} were followed by {keys} {shape}")
        if keys:
            self._waiting.append(b"".join(np.ascontiguousarray(pictures[key], np.uint8).tobytes() for key in keys))
        if len(self._waiting) == FRAMES_PER_BLOCK:
            self._compress()

    def finish(self) -> Pictures:
        """All of them."""
        if self._waiting:
            self._compress()
        return Pictures(self._keys or (), bytes(self._blocks), np.array(self._lengths, np.int64))

    def _compress(self) -> None:
        block = self._compressor.compress(b"".join(self._waiting))
        self._blocks += block
        self._lengths.append(len(block))
        self._waiting = []
