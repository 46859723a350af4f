"""The basket cameras: the peer's poses and fields of view, rendered by PyBullet's software renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pybullet

NEAR_M, FAR_M = 0.05, 3.0


@dataclass(frozen=True)
class Camera:
    """A fixed pinhole camera."""

    position: tuple[float, float, float]
    """Eye [m] in the base frame."""
    forward: tuple[float, float, float]
    """Viewing direction, unit."""
    up: tuple[float, float, float]
    """Image up, unit."""
    fovy_deg: float
    """Vertical field of view [degrees]."""

    def view_matrix(self) -> list[float]:
        target = np.add(self.position, self.forward)
        return pybullet.computeViewMatrix(self.position, target.tolist(), self.up)

    def projection_matrix(self, aspect: float) -> list[float]:
        return pybullet.computeProjectionMatrixFOV(self.fovy_deg, aspect, NEAR_M, FAR_M)


CAMERAS = {
    "basket_front_left": Camera((0.97, -0.375, 0.2848), (-0.6411, 0.6318, -0.4357), (-0.3105, 0.3056, 0.9001), 35.0),
    "basket_front_right": Camera((0.97, 0.375, 0.2848), (-0.6411, -0.6318, -0.4357), (-0.3105, -0.3056, 0.9001), 35.0),
    "basket_back_left": Camera((0.06, -0.26, 0.4398), (0.7347, 0.3223, -0.597), (0.537, 0.2613, 0.802), 30.0),
}
"""Poses printed by the running peer; the left camera stands at negative y."""

LIGHT_DIRECTION = (0.6, 0.3, 1.0)


def render(client, camera: Camera, width: int, height: int) -> np.ndarray:
    """uint8 [height width 3] RGB image of the client's world."""
    # Shadows would cost a second pass and change with every arm pose; the peer's are faint.
    _, _, rgba, _, _ = client.getCameraImage(
        width, height, camera.view_matrix(), camera.projection_matrix(width / height), shadow=0,
        lightDirection=LIGHT_DIRECTION, renderer=pybullet.ER_TINY_RENDERER, flags=pybullet.ER_NO_SEGMENTATION_MASK)
    return np.ascontiguousarray(np.asarray(rgba, np.uint8).reshape(height, width, 4)[:, :, :3])
