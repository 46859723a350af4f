"""From the driver's pixels to the model's: cut, made smaller by areas, turned, mirrored. Nothing else does it."""

from __future__ import annotations

import numpy as np

from gato_ros.embodiments.pictures.camera import Camera

LEAST_MEASURED = 0.5
"""A pixel of depth counts where at least this share of its area was measured."""


def fitted(pixels: np.ndarray, camera: Camera, height: int, width: int) -> np.ndarray:
    """uint8 [height width 3] of the driver's uint8 [camera.height camera.width 3] RGB.

    Each pixel is the mean of the area that it covers: nothing between is skipped, as with the nearest neighbour.
    """
    return np.ascontiguousarray(_moved(_smaller(_cut(pixels, camera), camera, height, width), camera))


def fitted_depth(depth_m: np.ndarray, camera: Camera, height: int, width: int) -> np.ndarray:
    """uint8 [height width 3], three times the same, of the driver's float32 [camera.height camera.width] metres.

    0: not measured. 1 to 255: camera.depth_m, from near to far; what lies outside is at its ends. The mean of an area
    is that of what was measured in it.
    """
    assert camera.depth_m is not None
    near, far = camera.depth_m
    part = _cut(depth_m, camera)
    share = _smaller((part > 0.0).astype(np.float32), camera, height, width)
    total = _smaller(part, camera, height, width)
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0.0)
    level = 1.0 + np.rint(254.0 * np.clip((mean - near) / (far - near), 0.0, 1.0))
    grey = np.where(share >= LEAST_MEASURED, level, 0.0).astype(np.uint8)
    return np.repeat(_moved(grey, camera)[:, :, None], 3, axis=2)


def _cut(pixels: np.ndarray, camera: Camera) -> np.ndarray:
    if camera.crop is None:
        return pixels
    crop = camera.crop
    return pixels[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]


def _smaller(pixels: np.ndarray, camera: Camera, height: int, width: int) -> np.ndarray:
    """Before it is turned: there is less of it to turn then."""
    if camera.turned:
        height, width = width, height
    if pixels.shape[:2] == (height, width):
        return pixels
    # OpenCV wants bytes side by side. To reorder colours afterwards, in the small picture, is a tenth of the time.
    if pixels.ndim == 3 and pixels.strides[2] < 0:
        return _averaged(pixels[:, :, ::-1], height, width)[:, :, ::-1]
    if pixels.ndim == 3 and pixels.strides[2] == 0:  # grey
        return np.broadcast_to(_averaged(pixels[:, :, 0], height, width)[:, :, None], (height, width, 3))
    return _averaged(pixels, height, width)


def _averaged(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    import cv2

    return cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA)


def _moved(pixels: np.ndarray, camera: Camera) -> np.ndarray:
    if camera.rotate_deg is not None:
        pixels = np.rot90(pixels, -camera.rotate_deg // 90)
    if camera.flip is not None:
        pixels = pixels[:, ::-1] if camera.flip == "horizontal" else pixels[::-1]
    return pixels
