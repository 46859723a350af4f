"""Forward kinematics and Jacobian of an embodiment, by Pinocchio."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pinocchio

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.differential_ik import DifferentialIk
from gato_ros.core.guard.proposal import RobotState
from gato_ros.core.rotation import AFTER, NEXT, wrap_angle
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.guard_bounds import Capsule

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
        self._tool = self._model.getFrameId(embodiment.tool_frame)
        self._wrist = self._model.getFrameId(embodiment.wrist_frame)
        numbers = [self._model.getJointId(name) for name in embodiment.arm.joints]
        joints = [self._model.joints[number] for number in numbers]
        self._columns = np.array([joint.idx_v for joint in joints])
        self._rows = np.array([joint.idx_q for joint in joints])
        self._neutral = pinocchio.neutral(self._model)
        geometry = embodiment.guard.clearance
        self._ends, self._carried = self._frames_at_capsule_ends(
            [] if geometry is None else geometry.capsules.values(), numbers
        )
        self._data = self._model.createData()
        self._check_last_joint(embodiment)

    def _frames_at_capsule_ends(self, capsules: Iterable[Capsule], joints: list[int]) -> tuple[list[int], np.ndarray]:
        """Adds a frame at each end; their numbers, start and end by turns, and which of `joints` carry each of them:
        [ends 1 joints] 1 or 0."""
        ends, carried = [], []
        for capsule in capsules:
            number = self._model.getFrameId(capsule.frame)
            fixed = self._model.frames[number]
            # ROS 2 Jazzy has Pinocchio 2, which has another name for it.
            joint = fixed.parentJoint if hasattr(fixed, "parentJoint") else fixed.parent
            before = self._model.supports[joint].tolist()
            for end_m in (capsule.start_m, capsule.end_m):
                placement = fixed.placement * pinocchio.SE3(np.eye(3), np.array(end_m))
                ends.append(
                    self._model.addFrame(
                        pinocchio.Frame(
                            f"capsule_end_{len(ends)}", joint, number, placement, pinocchio.FrameType.OP_FRAME
                        )
                    )
                )
                carried.append([[float(joint in before) for joint in joints]])
        return ends, np.array(carried)

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
                fix="list the joints from base to tool, and put the tool frame on the last one's axis",
            )

    def tool(self, q: np.ndarray) -> ToolState:
        """State of the tool frame at joint angles q [joints] [rad]."""
        self._place(q)
        pose = pinocchio.updateFramePlacement(self._model, self._data, self._tool)
        jacobian = pinocchio.getFrameJacobian(self._model, self._data, self._tool, pinocchio.LOCAL_WORLD_ALIGNED)
        return ToolState(pose.translation.copy(), pose.rotation.copy(), jacobian[:, self._columns].copy())

    def state(self, q: np.ndarray, velocity: np.ndarray, stamp_s: float, received_s: float) -> RobotState:
        """What the guard reads, from joint angles q [joints] [rad] and speeds [rad/s]."""
        tool = self.tool(q)
        ends, jacobians = self._capsule_ends() if self._ends else (None, None)
        return RobotState(
            np.array(q),
            np.array(velocity),
            stamp_s,
            received_s,
            tool.position,
            tool.rotation,
            tool.jacobian,
            ends,
            jacobians,
        )

    def capsule_ends(self, q: np.ndarray) -> np.ndarray:
        """[capsules 2 3] ends of the contract's capsules [m] in the base frame, at joint angles q [joints] [rad]."""
        full = self._neutral.copy()
        full[self._rows] = q
        pinocchio.forwardKinematics(self._model, self._data, full)
        pinocchio.updateFramePlacements(self._model, self._data)
        return np.array([self._data.oMf[end].translation for end in self._ends]).reshape(-1, 2, 3)

    def _place(self, q: np.ndarray) -> None:
        full = self._neutral.copy()
        full[self._rows] = q
        pinocchio.computeJointJacobians(self._model, self._data, full)

    def _capsule_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """[capsules 2 3] ends [m] and [capsules 2 3 joints] their Jacobians, where `_place` put the arm."""
        pinocchio.updateFramePlacements(self._model, self._data)
        frames = self._data.oMf
        ends = np.array([frames[end].translation for end in self._ends])
        # Each joint moves a point by its screw at the world's origin: v + omega x end, for all points at once.
        screws = self._data.J[:, self._columns]
        v, omega = screws[:3], screws[3:]
        jacobians = (v + omega[NEXT] * ends[:, AFTER, None] - omega[AFTER] * ends[:, NEXT, None]) * self._carried
        return ends.reshape(-1, 2, 3), jacobians.reshape(-1, 2, *v.shape)

    def wrist(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position [3] [m] and rotation [3 3] of the wrist frame at joint angles q."""
        full = self._neutral.copy()
        full[self._rows] = q
        pinocchio.forwardKinematics(self._model, self._data, full)
        pose = pinocchio.updateFramePlacement(self._model, self._data, self._wrist)
        return pose.translation.copy(), pose.rotation.copy()


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
