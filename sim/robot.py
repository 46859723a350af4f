"""The simulated arm and gripper: joint velocities and an opening in, joint state and grip force out."""

from __future__ import annotations

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.scene import PAD_FRICTION

TARGET_LEAD_M = 0.004
"""How far a finger's target may run ahead of the finger: enough for full force, and it reopens at once."""


class SimulatedArm:
    """An arm with two sliding fingers in one PyBullet client."""

    def __init__(self, client, embodiment: Embodiment):
        self._client, self._embodiment = client, embodiment
        finger_names = embodiment.simulated.finger_joints
        self.body = client.loadURDF(str(embodiment.urdf_path), useFixedBase=True)
        joints, links = {}, {}
        for index in range(client.getNumJoints(self.body)):
            info = client.getJointInfo(self.body, index)
            joints[info[1].decode()] = index
            links[info[12].decode()] = index
        self._links = links
        self._arm = [joints[name] for name in embodiment.arm.joints]
        self.fingers = [joints[name] for name in finger_names]
        urdf_effort = [client.getJointInfo(self.body, index)[10] for index in self._arm]
        self._effort = urdf_effort
        gear = client.createConstraint(
            self.body, self.fingers[0], self.body, self.fingers[1], pybullet.JOINT_GEAR, (0, 1, 0), (0, 0, 0), (0, 0, 0)
        )
        client.changeConstraint(gear, gearRatio=-1, maxForce=500, erp=0.2)
        for finger in self.fingers:
            client.changeDynamics(self.body, finger, lateralFriction=PAD_FRICTION, spinningFriction=0.002)
        # Along it, in the first finger's frame, that finger opens and the other one closes.
        self._opens_along = np.array(client.getJointInfo(self.body, self.fingers[0])[13])
        self._arm_target = np.zeros(len(self._arm))
        self._arm_velocity = np.zeros(len(self._arm))
        self._finger_target = embodiment.gripper.stroke_m / 2
        self._finger_goal = self._finger_target

    def place(self, q: np.ndarray, opening_m: float) -> None:
        """Put the arm at rest at joint angles q [joints] [rad] with that opening [m], without physics."""
        for index, angle in zip(self._arm, q):
            self._client.resetJointState(self.body, index, float(angle), 0.0)
        for finger in self.fingers:
            self._client.resetJointState(self.body, finger, opening_m / 2, 0.0)
        self._arm_target, self._arm_velocity = np.array(q, np.float64), np.zeros(len(self._arm))
        self._finger_target = self._finger_goal = opening_m / 2

    @property
    def joint_positions(self) -> np.ndarray:
        """[joints] [rad], in the contract's order."""
        return np.array([state[0] for state in self._client.getJointStates(self.body, self._arm)])

    @property
    def joint_velocities(self) -> np.ndarray:
        """[joints] [rad/s]."""
        return np.array([state[1] for state in self._client.getJointStates(self.body, self._arm)])

    @property
    def opening_m(self) -> float:
        """Distance between the pads [m]."""
        return float(sum(state[0] for state in self._client.getJointStates(self.body, self.fingers)))

    @property
    def grip_force_n(self) -> float:
        """The smaller of the two fingers' inward contact forces [N]; zero unless both are loaded."""
        return min(self.finger_forces_n())

    def finger_forces_n(self) -> tuple[float, float]:
        """Contact force on each finger pad along the closing direction [N], inward contacts only."""
        forces = []
        axis = None
        for finger, sign in zip(self.fingers, (1.0, -1.0)):
            total = 0.0
            for contact in self._client.getContactPoints(bodyA=self.body, linkIndexA=finger):
                if axis is None:
                    rotation = self._client.getMatrixFromQuaternion(
                        self._client.getLinkState(self.body, self.fingers[0])[1]
                    )
                    axis = np.array(rotation).reshape(3, 3) @ self._opens_along
                # contactNormalOnB points from B to the finger: outward for either pad.
                total += max(0.0, sign * float(np.dot(contact[7], axis)) * contact[9])
            forces.append(total)
        return forces[0], forces[1]

    def frame(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Position [3] [m] and axes [3 3] of a link's frame in the base frame, where the joints are now."""
        state = self._client.getLinkState(self.body, self._links[name], computeForwardKinematics=True)
        return np.array(state[4]), np.reshape(self._client.getMatrixFromQuaternion(state[5]), (3, 3))

    def command(self, joint_velocity: np.ndarray | None = None, opening_m: float | None = None) -> None:
        """Set the joint velocities [joints] [rad/s] and the wanted opening [m] that `track` follows."""
        if joint_velocity is not None:
            self._arm_velocity = np.array(joint_velocity, np.float64)
        if opening_m is not None:
            self._finger_goal = float(np.clip(opening_m, 0.0, self._embodiment.gripper.stroke_m)) / 2

    def track(self, dt: float) -> None:
        """Move the motor targets by dt [s] of the commanded motion (an integrated-velocity actuator)."""
        self._arm_target = self._arm_target + self._arm_velocity * dt
        self._client.setJointMotorControlArray(
            self.body,
            self._arm,
            pybullet.POSITION_CONTROL,
            targetPositions=self._arm_target.tolist(),
            targetVelocities=self._arm_velocity.tolist(),
            forces=self._effort,
            positionGains=[0.3] * len(self._arm),
            velocityGains=[1.0] * len(self._arm),
        )
        actual = self.opening_m / 2
        reach = self._embodiment.gripper.speed_m_s / 2 * dt
        target = self._finger_target + np.clip(self._finger_goal - self._finger_target, -reach, reach)
        self._finger_target = float(np.clip(target, actual - TARGET_LEAD_M, actual + TARGET_LEAD_M))
        self._client.setJointMotorControlArray(
            self.body,
            self.fingers,
            pybullet.POSITION_CONTROL,
            targetPositions=[self._finger_target] * 2,
            forces=[self._embodiment.gripper.force_n] * 2,
            positionGains=[0.3] * 2,
            velocityGains=[1.0] * 2,
        )
