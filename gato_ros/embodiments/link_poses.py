"""Where every link of the robot is: what a viewer needs to draw it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np
import pinocchio

from gato_ros.core.rotation import quat_xyzw_from_matrix
from gato_ros.embodiments.actions.gripper import joint_position_rad
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.urdf_parts import attribute, child_of, joints_of


@dataclass(frozen=True)
class LinkPose:
    """One joint of the URDF at this moment."""

    parent: str
    """Name of the parent link."""
    child: str
    """Name of the child link."""
    position: np.ndarray
    """[3] of the child in the parent's frame [m]."""
    quat_xyzw: np.ndarray
    """[4] parent_from_child."""


class LinkPoses:
    """All links of an embodiment from its joint angles and its gripper's opening."""

    def __init__(self, embodiment: Embodiment):
        self._model = pinocchio.buildModelFromUrdf(str(embodiment.urdf_path))
        self._data = self._model.createData()
        self._neutral = pinocchio.neutral(self._model)
        self._rows = [self._row(name) for name in embodiment.arm.joints]
        # The wire has one opening; in the URDF each sliding finger goes half of it.
        joints = joints_of(ElementTree.parse(embodiment.urdf_path).getroot())
        self._fingers = [
            self._row(attribute(joint, "name"))
            for joint in joints
            if joint.get("type") == "prismatic" and joint.get("name") not in embodiment.arm.joints
        ]
        gripper = embodiment.gripper
        self._stroke_m, self._jaw, self._jaw_range = gripper.stroke_m, None, gripper.joint_range_rad
        turning = [joint.get("name") for joint in joints if joint.get("type") == "revolute"]
        if self._jaw_range is not None and gripper.joint in turning:
            self._jaw = self._row(gripper.joint)
        self._links = [
            (attribute(child_of(joint, "parent"), "link"), attribute(child_of(joint, "child"), "link"))
            for joint in joints
        ]

    def _row(self, name: str) -> int:
        return self._model.joints[self._model.getJointId(name)].idx_q

    def at(self, q: np.ndarray, opening_m: float) -> list[LinkPose]:
        """At joint angles q [joints] [rad] in the contract's order, with that opening [m]."""
        full = self._neutral.copy()
        full[self._rows], full[self._fingers] = q, opening_m / 2
        if self._jaw is not None and self._jaw_range is not None:
            full[self._jaw] = joint_position_rad(opening_m, self._jaw_range, self._stroke_m)
        pinocchio.forwardKinematics(self._model, self._data, full)
        pinocchio.updateFramePlacements(self._model, self._data)
        base_from = lambda link: self._data.oMf[self._model.getFrameId(link)]
        found = []
        for parent, child in self._links:
            pose = base_from(parent).actInv(base_from(child))
            found.append(LinkPose(parent, child, pose.translation.copy(), quat_xyzw_from_matrix(pose.rotation)))
        return found
