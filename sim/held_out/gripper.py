"""A gripper whose fingertips draw back as it opens, as those of a linkage do."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.gripper import SimulatedGripper, SlidingFingers, set_pad_friction, simulated_gripper
from gato_ros.sim.held_out.conditions import Fingers

REACH_MM = ((0.0, 13.9), (51.0, 10.0), (85.8, 0.6))
"""Opening [mm] -> how far the tips of DeepMind's 2F-85 reach beyond the tool point [mm]; measured."""
USUAL_REACH_MM, STROKE_MM = 19.0, 85.8
"""Of our Sawyer's, whatever its opening; stroke of DeepMind's."""
SWING, HALF_WAY = "_swing", "_carriage"
SWING_FORCE_N = 300.0
"""The linkage does not give way."""


def reach_share(opening_share: float) -> float:
    """How far the tips reach, as a share of what they reach in the plain world, at that share of the stroke."""
    openings, reaches = zip(*REACH_MM, strict=True)
    return float(np.interp(opening_share * STROKE_MM, openings, reaches)) / USUAL_REACH_MM


def robot_with(robot: Embodiment, fingers: Fingers) -> Embodiment:
    """The same robot with that closing force, and with fingers that can draw back where they slide."""
    gripper = robot.gripper.model_copy(update={"force_n": robot.gripper.force_n * fingers.force})
    slides = robot.simulated.finger_joints
    urdf = str(_swinging_urdf(robot.urdf_path, slides)) if fingers.swing and slides else str(robot.urdf_path)
    return robot.model_copy(update={"gripper": gripper, "urdf": urdf})


def gripper_with(fingers: Fingers) -> Callable[..., SimulatedGripper]:
    """What makes the gripper of such a robot; a jaw that turns has nothing that swings."""

    def make(client, body: int, robot: Embodiment, joints: dict[str, int]) -> SimulatedGripper:
        swings = fingers.swing and robot.simulated.jaw is None
        return (SwingingFingers if swings else simulated_gripper)(client, body, robot, joints)

    return make


class SwingingFingers(SlidingFingers):
    """Sliding fingers, on each of which the tip moves along the tool's axis as the opening wants it."""

    def __init__(self, client, body: int, robot: Embodiment, joints: dict[str, int]):
        super().__init__(client, body, robot, joints)
        self._below_m = robot.simulated.fingers.pad_below_m
        self._swings = self.fingers = [joints[name + SWING] for name in robot.simulated.finger_joints or ()]
        set_pad_friction(client, body, self.fingers)

    def _drawn_back_m(self, opening_m: float) -> float:
        return self._below_m * (reach_share(opening_m / self._gripper.stroke_m) - 1.0)

    def place(self, opening_m: float) -> None:
        super().place(opening_m)
        for joint in self._swings:
            self._client.resetJointState(self._body, joint, self._drawn_back_m(opening_m), 0.0)

    def track(self, dt: float) -> None:
        super().track(dt)
        self._client.setJointMotorControlArray(
            self._body,
            self._swings,
            pybullet.POSITION_CONTROL,
            targetPositions=[self._drawn_back_m(self.opening_m)] * 2,
            forces=[SWING_FORCE_N] * 2,
            positionGains=[0.3] * 2,
            velocityGains=[1.0] * 2,
        )


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory:
    """PyBullet reads robots from files only: they live as long as this process."""
    return tempfile.TemporaryDirectory(prefix="gato_ros-urdf-")


@lru_cache(maxsize=8)
def _swinging_urdf(path: Path, finger_joints: tuple[str, str]) -> Path:
    """The robot with a second joint between each finger and its slide, along the finger's z."""
    root = ElementTree.parse(path).getroot()
    for name in finger_joints:
        slide = root.find(f"joint[@name='{name}']")
        child = slide.find("child")
        finger, carriage = child.get("link"), child.get("link") + HALF_WAY
        child.set("link", carriage)
        root.append(ElementTree.fromstring(_CARRIAGE.format(carriage=carriage)))
        root.append(ElementTree.fromstring(_SWING.format(name=name + SWING, carriage=carriage, finger=finger)))
    for mesh in root.iter("mesh"):  # a file beside the robot's own
        beside = path.parent / mesh.get("filename")
        mesh.set("filename", str(beside) if beside.exists() else mesh.get("filename"))
    copy = Path(_folder().name) / f"{len(list(Path(_folder().name).iterdir()))}-{path.name}"
    ElementTree.ElementTree(root).write(copy)
    return copy


_CARRIAGE = (
    '<link name="{carriage}"><inertial><mass value="0.05"/>'
    '<inertia ixx="1e-5" ixy="0" ixz="0" iyy="1e-5" iyz="0" izz="1e-5"/></inertial></link>'
)
_SWING = (
    '<joint name="{name}" type="prismatic"><parent link="{carriage}"/><child link="{finger}"/>'
    '<axis xyz="0 0 1"/><limit lower="-0.05" upper="0.0" effort="300" velocity="1.0"/></joint>'
)
