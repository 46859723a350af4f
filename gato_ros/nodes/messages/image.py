"""Pictures as messages: made of pixels, and read by the contract's reader."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.pictures.encodings import colour_of

ImageRefused = Refused
"""An image that is not what the contract promises; the text says in what."""
JPEG_QUALITY = 90
"""Of the simulator's pictures: what drivers of cameras use, or better."""


def rgb_from_message(message: Image, height: int, width: int) -> np.ndarray:
    """The image as uint8 [height width 3], RGB; for rgb8 without padding a view of the message's bytes.

    Raises:
        ImageRefused: another size, an encoding we cannot read, a row length or a data length that does not fit.
    """
    if (message.height, message.width) != (height, width):
        raise ImageRefused(f"{message.width}x{message.height} pixels, expected {width}x{height}")
    return colour_of(message)


def message_from_rgb(pixels: np.ndarray, frame_id: str) -> Image:
    """An rgb8 message of uint8 [height width 3]; the caller stamps it."""
    height, width, _ = pixels.shape
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width, is_bigendian=0)
    message.header.frame_id = frame_id
    # array.array is the only type that every distribution takes without copying byte by byte.
    message.data = array.array("B", np.ascontiguousarray(pixels, np.uint8).tobytes())
    return message


def jpeg_from_rgb(pixels: np.ndarray, frame_id: str, quality: int = JPEG_QUALITY) -> CompressedImage:
    """A JPEG of uint8 [height width 3], as image_transport's compressed topic has it; the caller stamps it."""
    import cv2

    message = CompressedImage(format="rgb8; jpeg compressed bgr8")
    message.header.frame_id = frame_id
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    message.data = array.array("B", data.tobytes())
    return message
