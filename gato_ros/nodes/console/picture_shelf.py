"""The newest picture of every camera as a file, made once and only where somebody looks. Two threads use it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np

WIDEST_PX = 640
"""A screen shows no more of one camera among others."""
QUALITY = 80
FAINT_NAT, STRONG_NAT = 0.002, 3.0
"""Of a map of what counts: what is just seen, and what is brightest [nat]. The scale is always the same, so that an
action that no place matters to shows no bright place."""
OPACITY = 0.55


def jpeg(pixels: np.ndarray) -> bytes:
    """uint8 [height width 3] RGB, made smaller where it is wider than a screen needs."""
    height, width = pixels.shape[:2]
    if width > WIDEST_PX:
        size = (WIDEST_PX, max(1, round(height * WIDEST_PX / width)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


def heat_png(effects: np.ndarray) -> bytes:
    """A map [rows columns] of effects [nat] as a picture to lay over the camera's: dark where nothing counts, bright
    where it does, one pixel for each value."""
    share = np.log1p(np.maximum(effects, 0.0) / FAINT_NAT) / np.log1p(STRONG_NAT / FAINT_NAT)
    colours = cv2.applyColorMap(np.rint(255.0 * np.clip(share, 0.0, 1.0)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = np.full((*effects.shape, 1), round(255 * OPACITY), np.uint8)
    return cv2.imencode(".png", np.concatenate([colours, opacity], 2))[1].tobytes()


class PictureShelf:
    """Numbered pictures. What is put here is a way to the pixels: nothing is decoded that nobody looks at.

    Args:
        encode: makes a file of what `put` got.
    """

    def __init__(self, cameras: tuple[str, ...], encode: Callable[[np.ndarray], bytes] = jpeg):
        self.cameras, self._encode = cameras, encode
        self._lock = threading.Lock()
        self._numbers = dict.fromkeys(cameras, 0)
        self._pixels: dict[str, Callable[[], np.ndarray | None]] = {}
        self._made: dict[str, tuple[int, bytes]] = {}

    def put(self, camera: str, pixels: Callable[[], np.ndarray | None]) -> None:
        """A new picture; `pixels()` gives what is encoded (uint8 [height width 3] RGB), or None: it cannot be read."""
        with self._lock:
            self._numbers[camera] += 1
            self._pixels[camera] = pixels

    def clear(self) -> None:
        """What is here is too old to be shown."""
        with self._lock:
            self._pixels.clear()
            self._made.clear()

    def newer(self, seen: dict[str, int]) -> list[tuple[int, bytes]]:
        """Place of the camera and file of every picture that is newer than `seen`, which is brought up to date."""
        found = []
        for place, camera in enumerate(self.cameras):
            with self._lock:
                number, pixels, made = self._numbers[camera], self._pixels.get(camera), self._made.get(camera)
            if pixels is None or number == seen.get(camera):
                continue
            seen[camera] = number
            if made is None or made[0] != number:
                if (found_pixels := pixels()) is None:
                    continue
                made = (number, self._encode(found_pixels))
                with self._lock:
                    self._made[camera] = made
            found.append((place, made[1]))
        return found
