"""A second renderer: PyBullet's OpenGL, with shadows and highlights, in a client of its own that has no physics.

That client shows what another one holds: the physics of an episode are untouched by who draws it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.sim import scene
from gato_ros.sim.bullet import bullet_client, pybullet
from gato_ros.sim.camera import Camera
from gato_ros.sim.objects import rgb_object

PLUGIN, ENTRY = "eglRenderer", "_eglRendererPlugin"
LIGHT = {"lightAmbientCoeff": 0.45, "lightDiffuseCoeff": 0.5, "lightSpecularCoeff": 0.4}
"""About as bright as the plain world, and darker in the shadow."""
LIGHT_DISTANCE_M = 3.0
SHINE = (0.3, 0.3, 0.3)
"""Highlights of the props."""


class OpenGlStage:
    """The same robot, basket and props once more, drawn by OpenGL."""

    def __init__(self, embodiment: Embodiment):
        """SetupError where PyBullet has no such plugin. `require_opengl` comes first: this one ends the process."""
        with _silent():
            self._client = opengl_client()
        self._close = weakref.finalize(self, lambda client: client.disconnect(), self._client)
        self._scale = embodiment.simulated.cell.scale
        self._robot = self._client.loadURDF(str(embodiment.urdf_path), useFixedBase=True)
        self._joints = range(self._client.getNumJoints(self._robot))
        self._props: list[int] = []
        scene.add_basket_boxes(self._client, embodiment.simulated.cell)

    def set_props(self, names: Sequence[str], colours: Sequence[str]) -> None:
        """Other props, of these objects and colours."""
        for body in self._props:
            self._client.removeBody(body)
        self._props = [self._prop(name, colour) for name, colour in zip(names, colours, strict=True)]

    def _prop(self, name: str, colour: str) -> int:
        # From a file: OpenGL draws no mesh that is given by its vertices, and says nothing.
        visual = self._client.createVisualShape(
            pybullet.GEOM_MESH,
            fileName=str(mesh_file(name)),
            meshScale=[self._scale] * 3,
            rgbaColor=scene.COLOUR_RGBA[colour],
            specularColor=SHINE,
        )
        return self._client.createMultiBody(0, -1, visual)

    def mirror(self, client, robot: int, props: Sequence[int]) -> None:
        """Put everything where another client has it; `props` in the order of `set_props`."""
        for joint, state in zip(self._joints, client.getJointStates(robot, self._joints), strict=True):
            self._client.resetJointState(self._robot, joint, state[0])
        for own, other in zip(self._props, props, strict=True):
            self._client.resetBasePositionAndOrientation(own, *client.getBasePositionAndOrientation(other))

    def look(self, camera: Camera, width: int, height: int, light: tuple[float, float, float]) -> np.ndarray:
        """uint8 [height width 3] from that camera; the light comes from the direction `light`."""
        return draw(self._client, camera, width, height, light)

    def close(self) -> None:
        """Disconnect; the second time nothing happens."""
        self._close()


def opengl_client():
    """A client whose pictures OpenGL draws without a screen; SetupError without PyBullet's plugin for it."""
    found = find_spec(PLUGIN)
    client = bullet_client.BulletClient(pybullet.DIRECT)
    if found is None or client.loadPlugin(found.origin, ENTRY) < 0:
        client.disconnect()
        raise SetupError(
            expected=f"PyBullet's plugin {PLUGIN} for OpenGL",
            got="a PyBullet without" if found is None else "one that does not load",
            fix="install the wheel of pybullet, which has it, or choose another world",
        )
    return client


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What the plugin says on stderr goes nowhere: it lists its devices there, into the progress bar."""
    with tempfile.TemporaryFile() as said:
        before = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


def draw(client, camera: Camera, width: int, height: int, light: Sequence[float]) -> np.ndarray:
    """uint8 [height width 3] of what that client holds."""
    rgba = client.getCameraImage(
        width,
        height,
        camera.view_matrix(),
        camera.projection_matrix(width / height),
        shadow=1,
        lightDirection=list(light),
        lightDistance=LIGHT_DISTANCE_M,
        renderer=pybullet.ER_BULLET_HARDWARE_OPENGL,
        flags=pybullet.ER_NO_SEGMENTATION_MASK,
        **LIGHT,
    )[2]
    return np.ascontiguousarray(np.asarray(rgba, np.uint8).reshape(height, width, 4)[:, :, :3])


@lru_cache(maxsize=1)
def _mesh_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="gato_ros-meshes-")


def mesh_file(name: str) -> Path:
    """One of the RGB objects as a Wavefront OBJ file with a normal per face [m]; it lives as long as this process."""
    path = Path(_mesh_folder().name) / f"{name}.obj"
    if not path.exists():
        corners, normals = scene.flat_triangles(rgb_object(name).vertices)
        lines = ["v {:.6f} {:.6f} {:.6f}".format(*corner) for corner in corners]
        lines += ["vn {:.6f} {:.6f} {:.6f}".format(*normal) for normal in normals]
        lines += ["f " + " ".join(f"{i}//{i}" for i in (k, k + 1, k + 2)) for k in range(1, len(corners), 3)]
        path.write_text("\n".join(lines) + "\n")
    return path


def _try() -> int:
    """0 if a cube is drawn."""
    client = opengl_client()
    visual = client.createVisualShape(pybullet.GEOM_BOX, halfExtents=[0.1] * 3, rgbaColor=(1, 0, 0, 1))
    client.createMultiBody(0, -1, visual)
    seen = draw(client, Camera((1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), 30.0), 16, 16, (1.0, 0.0, 1.0))
    client.disconnect()
    return 0 if seen[8, 8, 0] > seen[8, 8, 2] + 50 else 1


if __name__ == "__main__":
    raise SystemExit(_try())
