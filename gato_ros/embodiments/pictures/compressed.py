"""The pixels of a sensor_msgs/CompressedImage: JPEG, PNG, and PNG of depth with the head of compressedDepth.

What the bytes are says more than the message's `format`, which drivers write in many ways.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.pictures.encodings import measured

JPEG, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
DEPTH_HEAD_BYTES = 12
"""Before the PNG of compressedDepth: its kind, and two numbers that only 32FC1 needs."""
MILLIMETRES = np.float32(1e-3)
PADDING = b"\x00\xff \r\n"
"""Bytes that drivers add after the end of a JPEG."""


def colour_of_compressed(message: Any) -> np.ndarray:
    """uint8 [height width 3], RGB; turned by no EXIF entry.

    Raises:
        Refused: neither JPEG nor PNG, cut short, broken, or depth.
    """
    import cv2

    data = _bytes(message)
    if data[:3] == JPEG:
        # OpenCV fills with grey what is missing at the end, and says nothing.
        if not data.rstrip(PADDING).endswith(JPEG_END):
            raise Refused(f"a JPEG of {len(data)} bytes without its end: it was cut short")
        pixels = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    else:
        pixels = _from_png(data, message.format)
        if pixels.dtype != np.uint8:
            raise Refused(
                f"format {message.format!r}: 16 bits are depth: state camera.depth_m, the range that becomes grey"
            )
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGB)


def depth_of_compressed(message: Any) -> np.ndarray:
    """float32 [height width], metres; 0 where nothing was measured.

    Raises:
        Refused: no PNG of 16 bits, cut short or broken.
    """
    data = _bytes(message)
    if "compressedDepth" in message.format:
        if "32FC1" in message.format:
            raise Refused(f"format {message.format!r}: of compressedDepth only 16UC1 can be read")
        data = data[DEPTH_HEAD_BYTES:]
    pixels = _from_png(data, message.format)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise Refused(f"format {message.format!r} is no depth of 16 bits, which camera.depth_m asks for")
    return measured(pixels.astype(np.float32) * MILLIMETRES)


def _bytes(message: Any) -> bytes:
    return bytes(memoryview(message.data))


def _from_png(data: bytes, said: str) -> np.ndarray:
    import cv2

    if not data.startswith(PNG):
        raise Refused(f"format {said!r}: neither JPEG nor PNG, which are what can be read")
    if PNG_END not in data[-len(PNG_END) - 16 :]:
        raise Refused(f"a PNG of {len(data)} bytes without its end: it was cut short")
    return _decoded(data, cv2.IMREAD_UNCHANGED)


def _decoded(data: bytes, how: int) -> np.ndarray:
    import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        raise Refused(f"a broken picture: {str(error).splitlines()[0]}") from None
    if pixels is None:
        raise Refused(f"a broken picture of {len(data)} bytes")
    return pixels
