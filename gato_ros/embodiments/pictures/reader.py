"""One camera of a contract, read from messages or from pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.embodiments.channels import ImageChannel
from gato_ros.embodiments.decoders.decoder import Refused
from gato_ros.embodiments.decoders.image import COMPRESSED_IMAGE
from gato_ros.embodiments.pictures.compressed import colour_of_compressed, depth_of_compressed
from gato_ros.embodiments.pictures.encodings import colour_of, depth_of
from gato_ros.embodiments.pictures.fit import fitted, fitted_depth


class PictureReader:
    """Pure: the same message gives the same pixels, live, from a recording and from an import."""

    def __init__(self, channel: ImageChannel):
        self.channel = channel
        compressed, depth = channel.type == COMPRESSED_IMAGE.type, channel.camera.depth_m is not None
        self._compressed, self._fitted = compressed, fitted_depth if depth else fitted
        if depth:
            self._read = depth_of_compressed if compressed else depth_of
        else:
            self._read = colour_of_compressed if compressed else colour_of

    def picture(self, message: Any) -> np.ndarray:
        """uint8 [height width 3] as the model sees it; the header is not looked at.

        Raises:
            Refused: another size than the contract's, an encoding that cannot be read, or data that do not fit.
        """
        if not self._compressed:
            self._check_size(message.height, message.width)
        pixels = self._read(message)
        self._check_size(*pixels.shape[:2])
        return self._fitted(pixels, self.channel.camera, self.channel.height, self.channel.width)

    def of_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """As `picture`, of the driver's uint8 [camera.height camera.width 3]: a simulator's, or an imported frame."""
        self._check_size(*pixels.shape[:2])
        if self._fitted is not fitted:
            raise Refused("colours, and camera.depth_m asks for depth")
        return fitted(pixels, self.channel.camera, self.channel.height, self.channel.width)

    def _check_size(self, height: int, width: int) -> None:
        camera = self.channel.camera
        if (height, width) != (camera.height, camera.width):
            raise Refused(f"{width}x{height} pixels, expected {camera.width}x{camera.height}")

    def frame_fault(self, message: Any) -> str:
        """What is wrong with the frame of a message, or nothing: a picture of another camera looks well."""
        wanted, got = self.channel.frame_id, message.header.frame_id
        return "" if wanted in (None, got) else f"frame {got!r}, expected {wanted!r}"
