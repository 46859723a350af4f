"""The pixels of a sensor_msgs/Image, by its encoding, row length and byte order.

cv_bridge is not used: it makes grey of 16-bit depth without a word. OpenCV is, for Bayer patterns and YUV alone, and is
imported only where a camera sends one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.embodiments.decoders.decoder import Refused

COLOURS = {
    "rgb8": (3, slice(0, 3)),
    "bgr8": (3, slice(None, None, -1)),
    "rgba8": (4, slice(0, 3)),
    "bgra8": (4, slice(-2, None, -1)),
    "mono8": (1, slice(0, 1)),
}
"""Encoding -> bytes of a pixel, and where red, green and blue lie among them, in this order."""
BAYER = {"rggb": "BayerBG", "bggr": "BayerRG", "gbrg": "BayerGR", "grbg": "BayerGB"}
"""The first two rows' colours, as ROS names a pattern -> OpenCV's name, which begins one row and one pixel later."""
YUV = {"yuv422": "UYVY", "uyvy": "UYVY", "yuv422_yuy2": "YUYV", "yuyv": "YUYV"}
"""Encoding -> order of the bytes. ROS means UYVY by its plain name."""
DEPTHS = {"16UC1": ("u2", 1e-3), "mono16": ("u2", 1e-3), "32FC1": ("f4", 1.0)}
"""Encoding -> number of a pixel, and what one is [m] (REP-118)."""
ALIGNMENTS = (64, 128, 256, 512, 1024)
"""Rows begin at a multiple of one of these [B]; any padding below ODD_PADDING is taken, too."""
ODD_PADDING = 64
"""Rows that are longer than their pixels by this [B] or more, and not for an alignment, are another encoding's."""
BAYERS = tuple(f"bayer_{pattern}{bits}" for pattern in BAYER for bits in (8, 16))
ENCODINGS = (*COLOURS, *BAYERS, *YUV)
"""All that give colour."""


def colour_of(message: Any) -> np.ndarray:
    """uint8 [height width 3], RGB; where bytes need only be read in another order, a view of the message's.

    Raises:
        Refused: an encoding that there is not, or that is depth; rows or data of a length that does not fit.
    """
    encoding = message.encoding
    if encoding in COLOURS:
        size, order = COLOURS[encoding]
        pixels = _rows(message, size).reshape(message.height, message.width, size)[:, :, order]
        return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    if encoding in BAYERS:
        return _from_bayer(message)
    if encoding in YUV:
        return _from_yuv(message)
    if encoding in DEPTHS:
        raise Refused(f"encoding {encoding!r} is depth: state camera.depth_m, the range that becomes grey")
    raise Refused(f"encoding {encoding!r}: expected one of {', '.join((*ENCODINGS, *DEPTHS))}")


def depth_of(message: Any) -> np.ndarray:
    """float32 [height width], metres; 0 where nothing was measured.

    Raises:
        Refused: an encoding that is no depth; rows or data of a length that does not fit.
    """
    if message.encoding not in DEPTHS:
        raise Refused(f"encoding {message.encoding!r} is no depth ({', '.join(DEPTHS)}), which camera.depth_m asks for")
    kind, metres = DEPTHS[message.encoding]
    order = ">" if message.is_bigendian else "<"
    values = _rows(message, int(kind[1])).copy().view(order + kind)
    return measured(values.astype(np.float32) * np.float32(metres))


def measured(depth_m: np.ndarray) -> np.ndarray:
    """The same with 0 for what is no distance: nothing in range, or too near, as REP-117 and REP-118 have it."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(depth_m) & (depth_m > 0.0), depth_m, np.float32(0.0))


def _rows(message: Any, pixel_bytes: int) -> np.ndarray:
    """uint8 [height, width * pixel_bytes]: without the padding of the rows."""
    width, step = message.width * pixel_bytes, message.step
    if step < width:
        raise Refused(f"rows of {step} bytes are too short for {message.width} pixels of {message.encoding}")
    if step - width >= ODD_PADDING and all(step != -(-width // align) * align for align in ALIGNMENTS):
        raise Refused(
            f"rows of {step} bytes, and {message.width} pixels of {message.encoding} take {width}: that is more than "
            f"padding, so they are of another encoding than {message.encoding}"
        )
    if len(message.data) != step * message.height:
        raise Refused(f"{len(message.data)} bytes of data, expected {step} x {message.height}")
    return np.frombuffer(message.data, np.uint8).reshape(message.height, step)[:, :width]


def _from_bayer(message: Any) -> np.ndarray:
    import cv2

    if message.height < 4 or message.width < 4:
        raise Refused(f"{message.width}x{message.height} pixels are too few for {message.encoding}")
    bits = 16 if message.encoding.endswith("16") else 8
    rows = np.ascontiguousarray(_rows(message, bits // 8))
    if bits == 16:
        # The high byte of each pixel: the low one is noise to a policy.
        rows = np.ascontiguousarray(rows[:, 0 if message.is_bigendian else 1 :: 2])
    pattern = message.encoding.removeprefix("bayer_").rstrip("0123456789")
    return cv2.cvtColor(rows, getattr(cv2, f"COLOR_{BAYER[pattern]}2RGB"))


def _from_yuv(message: Any) -> np.ndarray:
    import cv2

    if message.width % 2:
        raise Refused(f"{message.encoding} with an odd width of {message.width}: two pixels share their colour")
    rows = np.ascontiguousarray(_rows(message, 2)).reshape(message.height, message.width, 2)
    return cv2.cvtColor(rows, getattr(cv2, f"COLOR_YUV2RGB_{YUV[message.encoding]}"))
