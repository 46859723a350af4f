"""What training receives of the stacking cell: the simulator's ground truth, and the cell in a mirror."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gato_ros.data.frames import Frames
from gato_ros.domains.rgb_stacking.auxiliary import MILLIMETRES, NAMES, Faces, in_peers_cell
from gato_ros.domains.rgb_stacking.mirror import StackingReflection
from gato_ros.domains.rgb_stacking.patch_labels import PATCH_NAMES, View
from gato_ros.domains.rgb_stacking.truth import Truth
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.privileged import privileged_values
from gato_ros.embodiments.simulation import Cell
from gato_ros.models.layout import TokenLayout
from gato_ros.training.supervision import Curve

ACTION_NAMES = ("vx", "vy", "vz", "wz", "gripper")


CURVES = (
    Curve("validation", ("gripper_accuracy",), "gripper accuracy", "%", 100.0),
    Curve("validation", ("error_red_x", "error_red_y", "error_red_z"), "red's position", "mm"),
    Curve("validation", ("error_blue_x", "error_blue_y", "error_blue_z"), "blue's position", "mm"),
    Curve("validation", ("error_grasp_x", "error_grasp_y", "error_grasp_z"), "where to grasp", "mm"),
    Curve("validation", ("error_vx", "error_vy", "error_vz"), "velocity", "mm/s", 1000.0),
    Curve("validation", ("error_wz",), "turning", "rad/s"),
    Curve("validation", ("error_grasp_sin2", "error_grasp_cos2"), "grasp's yaw, sin and cos of 2 x"),
)


@dataclass(frozen=True)
class StackingSupervision:
    """The `Supervision` of frames from the simulator, and of a robot's, of which no ground truth is known."""

    sees_patches: bool = True
    """Whether single patches have targets, where the images are those of the simulator's cameras."""
    action_names: tuple[str, ...] = ACTION_NAMES
    auxiliary_names: tuple[str, ...] = NAMES
    patch_names: tuple[str, ...] = PATCH_NAMES
    auxiliary_scale: tuple[float, ...] = tuple(MILLIMETRES.tolist())
    reflection: StackingReflection | None = field(default_factory=StackingReflection)
    curves: tuple[Curve, ...] = CURVES
    cell: Cell = Cell()
    """Where the robot's cell stands, and its size."""

    @staticmethod
    def of(robot: Embodiment) -> StackingSupervision:
        """Of what this robot's actions are."""
        cell = Cell() if robot.simulation is None else robot.simulation.cell
        scale = np.where(MILLIMETRES > 1, cell.scale, 1.0) * MILLIMETRES
        return StackingSupervision(
            action_names=(*robot.arm_part.names, "gripper"),
            auxiliary_scale=tuple(scale.tolist()),
            reflection=StackingReflection.of(robot),
            cell=cell,
        )

    @cached_property
    def _faces(self) -> Faces:
        from gato_ros.sim.grasp import object_faces

        return object_faces()

    def vectors(self, frames: Frames, layout: TokenLayout) -> dict[str, np.ndarray]:
        """The privileged channels among the layout's keys; SetupError where the frames lack them."""
        return privileged_values(tuple(item.key for item in layout.vectors), frames.privileged)

    def truth(self, frames: Frames, layout: TokenLayout) -> Truth:
        """Of the frames whose objects are known."""
        if self.cell != Cell():
            frames = replace(frames, privileged=in_peers_cell(frames.privileged, self.cell))
        return Truth.of(frames, layout, self._faces, camera_views(layout) if self.sees_patches else None)


def camera_views(layout: TokenLayout) -> Mapping[str, View] | None:
    """The simulator's cameras behind the model's images; None where one is a robot's own."""
    from gato_ros.sim.camera import CAMERAS

    if any(item.key.split("/")[0] not in CAMERAS for item in layout.images):
        return None
    cameras = {item.key: (CAMERAS[item.key.split("/")[0]], item.shape[1] / item.shape[0]) for item in layout.images}
    return {
        key: View(np.array(camera.position), camera.clip_from_base(aspect)) for key, (camera, aspect) in cameras.items()
    }
