"""The simulated arm and gripper: joint velocities and an opening in, joint state and grip force out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.gripper import SimulatedGripper, simulated_gripper


class SimulatedArm:
    """An arm with its gripper in one PyBullet client."""

    def __init__(
        self,
        client,
        embodiment: Embodiment,
        position: Sequence[float] = (0.0, 0.0, 0.0),
        quat_xyzw: Sequence[float] = (0.0, 0.0, 0.0, 1.0),
        make_gripper: Callable[..., SimulatedGripper] = simulated_gripper,
    ):
        """An arm whose base frame stands there in the world's."""
        self._client, self._embodiment = client, embodiment
        self.body = client.loadURDF(str(embodiment.urdf_path), list(position), list(quat_xyzw), useFixedBase=True)
        joints, links = {}, {}
        for index in range(client.getNumJoints(self.body)):
            info = client.getJointInfo(self.body, index)
            joints[info[1].decode()] = index
            links[info[12].decode()] = index
        self._links = links
        self._arm = [joints[name] for name in embodiment.arm.joints]
        urdf_effort = [client.getJointInfo(self.body, index)[10] for index in self._arm]
        self._effort = urdf_effort
        self._gripper = make_gripper(client, self.body, embodiment, joints)
        self._arm_target = np.zeros(len(self._arm))
        self._arm_velocity = np.zeros(len(self._arm))

    @property
    def fingers(self) -> list[int]:
        """The links of the fingers, the one at positive y of the tool first."""
        return self._gripper.fingers

    def place(self, q: np.ndarray, opening_m: float) -> None:
        """Put the arm at rest at joint angles q [joints] [rad] with that opening [m], without physics."""
        for index, angle in zip(self._arm, q):
            self._client.resetJointState(self.body, index, float(angle), 0.0)
        self._gripper.place(opening_m)
        self._arm_target, self._arm_velocity = np.array(q, np.float64), np.zeros(len(self._arm))

    def mirror(self, positions: np.ndarray, velocities: np.ndarray) -> None:
        """Put the arm's joints and then two sliding fingers where another physics has them, [joints + 2] each."""
        for index, *state in zip((*self._arm, *self.fingers), positions.tolist(), velocities.tolist(), strict=True):
            self._client.resetJointState(self.body, index, *state)

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
        """Distance between the pads [m], as the gripper reports it."""
        return self._gripper.opening_m

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
                    axis = self._gripper.opens_along()
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
            self._gripper.command(opening_m)

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
        self._gripper.track(dt)
