"""Forward kinematics and Jacobian of an embodiment, by Pinocchio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pinocchio

from gato_ros.core.differential_ik import DifferentialIk
from gato_ros.core.proposal import RobotState
from gato_ros.embodiments.contract import Embodiment


@dataclass(frozen=True)
class ToolState:
    """Where the tool is, and how the joints move it."""

    position: np.ndarray
    """[3] tool position [m] in the base frame."""
    rotation: np.ndarray
    """[3 3] base_from_tool."""
    jacobian: np.ndarray
    """[6 joints] linear rows first, base axes."""


class Kinematics:
    """The arm of one embodiment; joints in the contract's order, whatever order the URDF has."""

    def __init__(self, embodiment: Embodiment):
        self._model = pinocchio.buildModelFromUrdf(str(embodiment.urdf_path))
        self._data = self._model.createData()
        self._tool = self._model.getFrameId(embodiment.tool_frame)
        self._wrist = self._model.getFrameId(embodiment.wrist_frame)
        joints = [self._model.joints[self._model.getJointId(name)] for name in embodiment.arm.joints]
        self._columns = np.array([joint.idx_v for joint in joints])
        self._rows = np.array([joint.idx_q for joint in joints])
        self._neutral = pinocchio.neutral(self._model)
        geometry = embodiment.guard.clearance
        self._capsules = [] if geometry is None else [
            (self._model.getFrameId(capsule.frame), np.array([capsule.start_m, capsule.end_m]))
            for capsule in geometry.capsules.values()]

    def tool(self, q: np.ndarray) -> ToolState:
        """State of the tool frame at joint angles q [joints] [rad]."""
        self._place(q)
        pose = pinocchio.updateFramePlacement(self._model, self._data, self._tool)
        jacobian = pinocchio.getFrameJacobian(self._model, self._data, self._tool, pinocchio.LOCAL_WORLD_ALIGNED)
        return ToolState(pose.translation.copy(), pose.rotation.copy(), jacobian[:, self._columns].copy())

    def state(self, q: np.ndarray, velocity: np.ndarray, stamp_s: float, received_s: float) -> RobotState:
        """What the guard reads, from joint angles q [joints] [rad] and speeds [rad/s]."""
        tool = self.tool(q)
        ends, jacobians = self._capsule_ends() if self._capsules else (None, None)
        return RobotState(np.array(q), np.array(velocity), stamp_s, received_s, tool.position, tool.rotation,
                          tool.jacobian, ends, jacobians)

    def _place(self, q: np.ndarray) -> None:
        full = self._neutral.copy()
        full[self._rows] = q
        pinocchio.computeJointJacobians(self._model, self._data, full)

    def _capsule_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """[capsules 2 3] ends [m] and [capsules 2 3 joints] their Jacobians, where `_place` put the arm."""
        ends, jacobians = [], []
        for frame, own in self._capsules:
            pose = pinocchio.updateFramePlacement(self._model, self._data, frame)
            jacobian = pinocchio.getFrameJacobian(self._model, self._data, frame, pinocchio.LOCAL_WORLD_ALIGNED)
            levers = own @ pose.rotation.T
            ends.append(levers + pose.translation)
            # v = v_frame + omega x lever
            jacobians.append(jacobian[:3] - _cross_matrices(levers) @ jacobian[3:])
        return np.array(ends), np.array(jacobians)[..., self._columns]

    def wrist(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position [3] [m] and rotation [3 3] of the wrist frame at joint angles q."""
        full = self._neutral.copy()
        full[self._rows] = q
        pinocchio.forwardKinematics(self._model, self._data, full)
        pose = pinocchio.updateFramePlacement(self._model, self._data, self._wrist)
        return pose.translation.copy(), pose.rotation.copy()


def _cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """[n 3 3] of vectors [n 3]: matrix @ w is vector x w."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)


def differential_ik(embodiment: Embodiment) -> DifferentialIk:
    """The velocity IK with the contract's joint limits and posture."""
    lower, upper, speed = embodiment.joint_limits
    return DifferentialIk(speed, lower, upper, np.array(embodiment.arm.posture_rad))
