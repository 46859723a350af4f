"""The newest picture of every camera as JPEG, made once and only where somebody looks. Two threads use it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np

WIDEST_PX = 640
"""A screen shows no more of one camera among others."""
QUALITY = 80


def jpeg(pixels: np.ndarray) -> bytes:
    """uint8 [height width 3] RGB, made smaller where it is wider than a screen needs."""
    height, width = pixels.shape[:2]
    if width > WIDEST_PX:
        size = (WIDEST_PX, max(1, round(height * WIDEST_PX / width)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()


class PictureShelf:
    """Numbered pictures. What is put here is a way to the pixels: nothing is decoded that nobody looks at."""

    def __init__(self, cameras: tuple[str, ...]):
        self.cameras = cameras
        self._lock = threading.Lock()
        self._numbers = dict.fromkeys(cameras, 0)
        self._pixels: dict[str, Callable[[], np.ndarray | None]] = {}
        self._made: dict[str, tuple[int, bytes]] = {}

    def put(self, camera: str, pixels: Callable[[], np.ndarray | None]) -> None:
        """A new picture; `pixels()` gives uint8 [height width 3] RGB, or None where it cannot be read."""
        with self._lock:
            self._numbers[camera] += 1
            self._pixels[camera] = pixels

    def clear(self) -> None:
        """What is here is too old to be shown."""
        with self._lock:
            self._pixels.clear()
            self._made.clear()

    def newer(self, seen: dict[str, int]) -> list[tuple[int, bytes]]:
        """Place of the camera and JPEG of every picture that is newer than `seen`, which is brought up to date."""
        found = []
        for place, camera in enumerate(self.cameras):
            with self._lock:
                number, pixels, made = self._numbers[camera], self._pixels.get(camera), self._made.get(camera)
            if pixels is None or number == seen.get(camera):
                continue
            seen[camera] = number
            if made is None or made[0] != number:
                if (rgb := pixels()) is None:
                    continue
                made = (number, jpeg(rgb))
                with self._lock:
                    self._made[camera] = made
            found.append((place, made[1]))
        return found
