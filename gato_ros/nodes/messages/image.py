"""sensor_msgs/Image to a uint8 array, and back."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import Image

# Encoding -> (bytes per pixel, where red, green and blue lie among them).
CHANNELS = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}


class ImageRefused(Exception):
    """An image that is not what the contract promises; the text says in what."""


def rgb_from_message(message: Image, height: int, width: int) -> np.ndarray:
    """The image as uint8 [height width 3], RGB; for rgb8 without padding a view of the message's bytes.

    Raises:
        ImageRefused: another size, an encoding we cannot read, a row length or a data length that does not fit.
    """
    if (message.height, message.width) != (height, width):
        raise ImageRefused(f"{message.width}x{message.height} pixels, expected {width}x{height}")
    if message.encoding not in CHANNELS:
        return _by_cv_bridge(message)
    size, order = CHANNELS[message.encoding]
    if message.step < width * size:
        raise ImageRefused(f"rows of {message.step} bytes are too short for {width} pixels of {message.encoding}")
    if len(message.data) != message.step * height:
        raise ImageRefused(f"{len(message.data)} bytes of data, expected {message.step} x {height}")
    rows = np.frombuffer(message.data, np.uint8).reshape(height, message.step)
    pixels = rows[:, : width * size].reshape(height, width, size)
    return pixels if order == (0, 1, 2) and size == 3 else pixels[:, :, list(order)]


def _by_cv_bridge(message: Image) -> np.ndarray:
    # Bayer and YUV need OpenCV; imported here so that the common encodings need neither package.
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise ImageRefused(
            f"encoding {message.encoding!r}: expected one of {', '.join(CHANNELS)} "
            "(others need cv_bridge, which is not installed)"
        ) from None
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(message, "rgb8"))
    except Exception as error:
        raise ImageRefused(f"encoding {message.encoding!r}: {error}") from None


def message_from_rgb(pixels: np.ndarray, frame_id: str) -> Image:
    """An rgb8 message of uint8 [height width 3]; the caller stamps it."""
    height, width, _ = pixels.shape
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width, is_bigendian=0)
    message.header.frame_id = frame_id
    # array.array is the only type that every distribution takes without copying byte by byte.
    message.data = array.array("B", np.ascontiguousarray(pixels, np.uint8).tobytes())
    return message
