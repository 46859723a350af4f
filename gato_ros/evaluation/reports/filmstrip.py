"""One episode as one picture: moments from its beginning to its end, a row per camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

MOMENTS = 8
SCALE = 1.25
GAP_PX = 4
CAPTION_PX = 26
BACKGROUND, INK = (255, 255, 255), (70, 78, 90)


def run_strip(frames: Sequence[Mapping[str, np.ndarray]], rate_hz: float) -> np.ndarray:
    """uint8 [height width 3] RGB.

    Args:
        frames: camera -> uint8 [height width 3] at every control step of the episode.
        rate_hz: steps per second.
    """
    if not frames:
        raise ValueError("no pictures to show")
    first = _first_change(frames)
    steps = np.linspace(first, len(frames) - 1, min(MOMENTS, len(frames) - first)).round().astype(int)
    return np.hstack([_column(frames[step], f"{step / rate_hz:.1f} s") for step in steps])


def _first_change(frames: Sequence[Mapping[str, np.ndarray]]) -> int:
    """The last step that looks like the first: until then the arm is on its way, outside of both pictures."""
    same = lambda frame: all(np.array_equal(picture, frames[0][key]) for key, picture in frame.items())
    changed = next((step for step, frame in enumerate(frames) if not same(frame)), 1)
    return changed - 1 if len(frames) - changed >= MOMENTS else 0


def _column(frame: Mapping[str, np.ndarray], caption: str) -> np.ndarray:
    tiles = [
        cv2.copyMakeBorder(
            cv2.resize(picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC),
            0,
            GAP_PX,
            0,
            GAP_PX,
            cv2.BORDER_CONSTANT,
            value=BACKGROUND,
        )
        for picture in frame.values()
    ]
    width = max(tile.shape[1] for tile in tiles)
    tiles = [np.pad(tile, ((0, 0), (0, width - tile.shape[1]), (0, 0)), constant_values=255) for tile in tiles]
    bar = np.full((CAPTION_PX, width, 3), BACKGROUND, np.uint8)
    cv2.putText(bar, caption, (2, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return np.vstack([*tiles, bar])


def write_strip(path: Path, frames: Sequence[Mapping[str, np.ndarray]], rate_hz: float) -> None:
    """Write the picture as a PNG, whole or not at all."""
    content = cv2.imencode(".png", run_strip(frames, rate_hz)[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content.tobytes())
    partial.replace(path)
