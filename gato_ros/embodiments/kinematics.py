"""Forward kinematics and Jacobian of an embodiment, by Pinocchio."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pinocchio

from gato_ros.core.differential_ik import DifferentialIk
from gato_ros.core.errors import SetupError
from gato_ros.core.proposal import RobotState
from gato_ros.core.rotation import wrap_angle
from gato_ros.embodiments.contract import Embodiment

BESIDE_M, TILT_RAD = 1e-4, 1e-3
"""Rounding in a URDF may put the tool so far off the last joint's axis."""


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
        self._check_last_joint(embodiment)

    def _check_last_joint(self, embodiment: Embodiment) -> None:
        """SetupError unless it turns the tool about its own axis: at its end the guard stops that joint alone."""
        tool = self.tool(np.array(embodiment.arm.posture_rad))
        beside_m = np.linalg.norm(tool.jacobian[:3, -1])
        tilt_rad = np.linalg.norm(np.cross(tool.rotation[:, 2], tool.jacobian[3:, -1]))
        if beside_m > BESIDE_M or tilt_rad > TILT_RAD:
            raise SetupError(
                expected=f"{embodiment.tool_frame} of {embodiment.urdf} on the axis of {embodiment.arm.joints[-1]}, "
                         "its z along it",
                got=f"{beside_m * 1e3:.1f} mm beside, {np.rad2deg(tilt_rad):.1f} degrees off",
                fix="list the joints from base to tool, and put the tool frame on the last one's axis")

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


def joints_for_tool(embodiment: Embodiment, kinematics: Kinematics, position: np.ndarray, yaw_rad: float) -> np.ndarray:
    """Joint angles [joints] [rad] with the tool at `position` [3] [m], pointing down, turned by yaw about the vertical.

    Raises:
        ValueError: not reached to 0.1 mm and 1 mrad, or only outside the joint limits.
    """
    lower, upper, _ = embodiment.joint_limits
    # Without speed limits the velocity IK is a Newton step; the posture term picks among the arm's poses.
    ik = replace(
        differential_ik(embodiment),
        velocity_limit=np.full(len(lower), 1e3),
        limit_gain=1e3,
        down_gain=1.0,
        posture_gain=0.05,
    )
    q = np.array(embodiment.arm.posture_rad)
    for _ in range(60):
        tool = kinematics.tool(q)
        turn = wrap_angle(yaw_rad - np.arctan2(tool.rotation[1, 0], tool.rotation[0, 0]))
        error = position - tool.position
        if np.abs(error).max() < 1e-4 and abs(turn) < 1e-3 and tool.rotation[2, 2] < -0.999999:
            if np.all(q > lower) and np.all(q < upper):
                return q
            break
        q = q + ik.joint_velocity(q, tool.jacobian, tool.rotation, np.append(error, turn))
    raise ValueError(f"no joint angles found for the tool at {position} m, yaw {yaw_rad:.3f} rad")
