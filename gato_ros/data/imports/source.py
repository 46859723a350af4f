"""What a foreign recording gives, whatever its format: columns by name, and pictures when they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

Pictures = dict[str, np.ndarray]
"""Camera -> uint8 [height width 3] RGB, or depth: uint16 or float32 [height width]."""


class LeftOut(Exception):
    """An episode that cannot be used; its text is the reason, the same for all that have it."""


@dataclass(frozen=True)
class SourceEpisode:
    """One episode as its file has it; N rows."""

    name: str
    """Unlike that of any other episode of the source."""
    columns: Mapping[str, np.ndarray]
    """Name -> [N size] float64."""
    cameras: tuple[str, ...]
    pictures: Callable[[Sequence[str]], Iterator[Pictures]]
    """Of the cameras named, row by row. Memory: some pictures."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a column -> the names of its values, where the source says them."""
    times_s: np.ndarray | None = None
    """[N] of the rows, increasing; None: an even clock."""
    rate_hz: float | None = None
    """Of the even clock; None: the source does not say."""
    task: str = ""
    """In words; nothing where the source does not say."""
    success: bool | None = None
    commanded_by: np.ndarray | None = None
    """[N] text, as `command_sources`; None: nobody wrote it down."""
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Name of a column of texts -> [N]."""
    as_seen: bool = False
    """Pictures are those that a model sees, of depth too: an export of ours."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


class Source(Protocol):
    """A file or a folder of recordings."""

    made_by_us: str
    """The contract's name, if this is an export of ours; nothing otherwise."""

    def __len__(self) -> int:
        """Episodes, those that cannot be read among them."""
        ...

    def names(self) -> list[str]:
        """Of the episodes."""
        ...

    def episode(self, name: str) -> SourceEpisode:
        """One of them.

        Raises:
            LeftOut: it lacks what every episode needs, or cannot be read.
        """
        ...


def as_column(values: np.ndarray) -> np.ndarray | None:
    """[N size] float64 of numbers or truths of any shape [N ...]; None for what is neither."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiub" or values.ndim == 0:
        return None
    return values.reshape(len(values), -1).astype(np.float64)


def decoded(data: bytes | np.ndarray) -> np.ndarray:
    """A JPEG or a PNG, with whatever padding behind it, as `as_picture` has it; turned by no EXIF entry, as live ones.

    Raises:
        LeftOut: it is neither.
    """
    import cv2

    try:
        # As colours, 16 bits of depth would become 8 without a word.
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        raise LeftOut("a picture that is neither JPEG nor PNG, or is damaged")
    if picture.ndim == 3:
        picture = picture[:, :, 2::-1]  # BGR or BGRA
    return as_picture(picture)


def as_picture(pixels: np.ndarray) -> np.ndarray:
    """uint8 [height width 3] of uint8 [height width], [height width 1] or [height width 3]; of uint16 or float32 with
    one value a pixel, which is depth, that type [height width].

    Raises:
        LeftOut: another shape or type.
    """
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.dtype in (np.uint16, np.float32) and pixels.ndim == 3 and pixels.shape[2] == 1:
        return pixels[:, :, 0]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise LeftOut(f"pictures of {pixels.dtype} {list(pixels.shape)}, not uint8 [height width 3]")
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels
