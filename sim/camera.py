"""The basket cameras, with the peer's poses and fields of view, and cameras on an arm; PyBullet's software renders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from gato_ros.embodiments.simulation import Cell
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.randomisation import PLAIN, Conditions

NEAR_M, FAR_M = 0.05, 3.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera where it stands now."""

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

    def clip_from_base(self, aspect: float) -> np.ndarray:
        """[4 4] OpenGL projection times view, for points of the base frame."""
        projection, view = self.projection_matrix(aspect), self.view_matrix()
        return np.reshape(projection, (4, 4)).T @ np.reshape(view, (4, 4)).T


CAMERAS = {
    "basket_front_left": Camera((0.97, -0.375, 0.2848), (-0.6411, 0.6318, -0.4357), (-0.3105, 0.3056, 0.9001), 35.0),
    "basket_front_right": Camera((0.97, 0.375, 0.2848), (-0.6411, -0.6318, -0.4357), (-0.3105, -0.3056, 0.9001), 35.0),
    "basket_back_left": Camera((0.06, -0.26, 0.4398), (0.7347, 0.3223, -0.597), (0.537, 0.2613, 0.802), 30.0),
}
"""Poses printed by the running peer; the left camera stands at negative y."""


def render(
    client, name: str, width: int, height: int, conditions: Conditions = PLAIN, camera: Camera | None = None
) -> np.ndarray:
    """uint8 [height width 3] RGB image of the client's world from one of CAMERAS, or from `camera` of that name."""
    stands = moved(name, conditions) if camera is None else camera
    pixels, _ = _image(client, stands, width, height, conditions, {"flags": pybullet.ER_NO_SEGMENTATION_MASK})
    return pixels


def render_bodies(client, camera: Camera, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [height width 3] of the plain world, and int [height width] the body that each pixel shows; -1 where
    none."""
    pixels, bodies = _image(client, camera, width, height, PLAIN, {})
    return pixels, np.asarray(bodies).reshape(height, width)


def _image(
    client, camera: Camera, width: int, height: int, conditions: Conditions, options: dict[str, int]
) -> tuple[np.ndarray, Any]:
    # Shadows would cost a second pass and change with every arm pose; the peer's are faint.
    _, _, rgba, _, bodies = client.getCameraImage(
        width,
        height,
        camera.view_matrix(),
        camera.projection_matrix(width / height),
        shadow=0,
        lightDirection=conditions.light_direction,
        lightColor=conditions.light_colour,
        lightAmbientCoeff=conditions.light_ambient,
        lightDiffuseCoeff=conditions.light_diffuse,
        renderer=pybullet.ER_TINY_RENDERER,
        **options,
    )
    return np.ascontiguousarray(np.asarray(rgba, np.uint8).reshape(height, width, 4)[:, :, :3]), bodies


def moved(name: str, conditions: Conditions) -> Camera:
    """A camera of the contract as it stands under these conditions."""
    camera = CAMERAS[name]
    shift, turn = conditions.camera_shift_m.get(name), conditions.camera_turn_rad.get(name)
    if shift is None and turn is None and not conditions.camera_fovy_deg:
        return camera
    rotation = Rotation.from_rotvec(np.zeros(3) if turn is None else turn).as_matrix()
    eye = np.array(camera.position) + (0.0 if shift is None else shift)
    return Camera(
        tuple(eye),
        tuple(rotation @ camera.forward),
        tuple(rotation @ camera.up),
        camera.fovy_deg + conditions.camera_fovy_deg,
    )


def placed(camera: Camera, cell: Cell) -> Camera:
    """One of the cell's cameras where it stands in this cell."""
    return replace(camera, position=tuple(cell.to_base(np.array(camera.position)).tolist()))


def mounted(
    position: np.ndarray, base_from_optical: np.ndarray, fovy_deg: float, name: str, conditions: Conditions
) -> Camera:
    """A camera on a moving frame; under these conditions it sits on it a little aslant.

    Args:
        position: [3] of the frame [m].
        base_from_optical: [3 3] its axes: x right, y down, z forward.
    """
    shift, turn = conditions.camera_shift_m.get(name), conditions.camera_turn_rad.get(name)
    if shift is not None:
        position = position + base_from_optical @ shift
    if turn is not None:
        base_from_optical = base_from_optical @ Rotation.from_rotvec(turn).as_matrix()
    forward, up = base_from_optical[:, 2], -base_from_optical[:, 1]
    return Camera(
        tuple(position.tolist()), tuple(forward.tolist()), tuple(up.tolist()), fovy_deg + conditions.camera_fovy_deg
    )
