"""MuJoCo's side of the stacking cell: servos that follow targets, bodies, contacts."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.embodiments import Embodiment
from gato_ros.sim.gripper import TARGET_LEAD_M
from gato_ros.sim.held_out.mujoco.model import build_model, wxyz


class MujocoPhysics:
    """Arm, gripper and props, and what touches what at the last time step."""

    def __init__(self, robot: Embodiment, names: Sequence[str], masses_kg: Sequence[float]):
        self._gripper = robot.gripper
        # Where nobody takes its warnings MuJoCo writes MUJOCO_LOG.TXT into the working directory.
        mujoco.set_mju_user_warning(_left_to_the_counts)
        self._model = model = build_model(robot, names, masses_kg)
        self._data = mujoco.MjData(model)
        joints = [*robot.arm.joints, *(robot.simulated.finger_joints or ())]
        self._q = np.array([model.joint(name).qposadr[0] for name in joints])
        self._v = np.array([model.joint(name).dofadr[0] for name in joints])
        self._servos = np.array([model.actuator(name).id for name in joints])
        self._slides = [model.joint(name).id for name in joints[-2:]]
        fingers = [model.joint(name).bodyid[0] for name in joints[-2:]]
        self._names = [model.geom(index).name.split("/")[0] for index in range(model.ngeom)]
        self._finger = [fingers.index(body) if body in fingers else None for body in model.geom_bodyid]
        self._targets = np.zeros(len(joints))

    # --- putting things somewhere ---

    def place_arm(self, q: np.ndarray, opening_m: float) -> None:
        """The arm at rest at joint angles q [joints] [rad] with that opening [m]; the servos hold it there."""
        self._targets = np.array([*q, opening_m / 2, opening_m / 2], np.float64)
        self._data.qpos[self._q], self._data.qvel[self._v] = self._targets, 0.0
        self._data.ctrl[self._servos] = self._targets

    def place_prop(
        self,
        colour: str,
        position: np.ndarray,
        quat_xyzw: np.ndarray,
        velocity: Sequence[float] = (0.0, 0.0, 0.0),
        turning: Sequence[float] = (0.0, 0.0, 0.0),
    ) -> None:
        """A prop at a pose in the base frame, moving at `velocity` [m/s] and turning at `turning` [rad/s]."""
        joint = self._data.joint(colour)
        joint.qpos[:3], joint.qpos[3:] = position, wxyz(quat_xyzw)
        # MuJoCo has the rate of turning in the body's own axes.
        joint.qvel[:3], joint.qvel[3:] = velocity, matrix_from_quat_xyzw(quat_xyzw).T @ np.asarray(turning)

    # --- time ---

    def step(self, velocity: np.ndarray, opening_m: float) -> None:
        """One time step of the commanded joint velocities [joints] [rad/s] towards that opening [m]."""
        dt, gripper, data = self._model.opt.timestep, self._gripper, self._data
        self._targets[:-2] += velocity * dt
        reach = gripper.speed_m_s / 2 * dt
        goal = np.clip(opening_m, 0.0, gripper.stroke_m) / 2
        target = self._targets[-1] + np.clip(goal - self._targets[-1], -reach, reach)
        actual = data.qpos[self._q[-2:]].mean()
        self._targets[-2:] = np.clip(target, actual - TARGET_LEAD_M, actual + TARGET_LEAD_M)
        data.ctrl[self._servos] = self._targets
        mujoco.mj_step(self._model, data)

    # --- the state ---

    @property
    def sound(self) -> bool:
        """Whether no time step had a number that is none, one that is huge, or more contacts than there is room for."""
        return not np.any(self._data.warning.number)

    def arm(self) -> tuple[np.ndarray, np.ndarray]:
        """Angles and velocities of the arm's joints and, last, of the two fingers [joints + 2] [rad, m, rad/s, m/s]."""
        return self._data.qpos[self._q], self._data.qvel[self._v]

    def prop(self, colour: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of a prop in the base frame: position [3] [m], quaternion xyzw, velocity [3] [m/s], turning [3] [rad/s]."""
        joint = self._data.joint(colour)
        quat_xyzw = np.roll(joint.qpos[3:], -1)
        return joint.qpos[:3], quat_xyzw, joint.qvel[:3], matrix_from_quat_xyzw(quat_xyzw) @ joint.qvel[3:]

    def touches(self, colour: str) -> set[str]:
        """What a prop is in contact with, out of the other colours, "ground" and "robot"."""
        pairs = [{self._names[one], self._names[other]} for one, other in self._data.contact.geom]
        return {name for pair in pairs if colour in pair for name in pair} - {colour}

    def pads(self, colour: str) -> tuple[bool, bool]:
        """Whether the first and the second finger touch a prop."""
        touched = set()
        for one, other in self._data.contact.geom:
            if colour in (self._names[one], self._names[other]):
                touched |= {self._finger[one], self._finger[other]}
        return 0 in touched, 1 in touched

    def finger_forces_n(self) -> tuple[float, float]:
        """Contact force on each finger along the closing direction [N], inward contacts only."""
        data, forces, wrench = self._data, [0.0, 0.0], np.zeros(6)
        for index, pair in enumerate(data.contact.geom):
            # The normal, of which the force is a multiple, points from the first geom to the second.
            for geom, sign in zip(pair, (-1.0, 1.0)):
                finger = self._finger[geom]
                if finger is None:
                    continue
                mujoco.mj_contactForce(self._model, data, index, wrench)
                outward = data.xaxis[self._slides[finger]]
                forces[finger] += max(0.0, sign * wrench[0] * float(data.contact.frame[index][:3] @ outward))
        return forces[0], forces[1]


def _left_to_the_counts(message: str) -> None:
    """MjData.warning counts them all."""
