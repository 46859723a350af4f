"""The simulated gripper: two fingers that slide alike, or a jaw that turns towards one that stands still."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.gripper import joint_position_rad, opening_m
from gato_ros.embodiments.simulation import Jaw
from gato_ros.sim.bullet import pybullet
from gato_ros.sim.scene import PAD_FRICTION

TARGET_LEAD_M = 0.004
"""How far a finger's target may run ahead of the finger: enough for full force, and it reopens at once."""


class SimulatedGripper(Protocol):
    """Goes to a wanted opening at the contract's speed, with the contract's force."""

    fingers: list[int]
    """The links at positive and at negative y of the tool."""

    def place(self, opening_m: float) -> None:
        """Put it at rest at that opening [m], without physics."""
        ...

    @property
    def opening_m(self) -> float:
        """As the gripper's driver reports it [m]."""
        ...

    def opens_along(self) -> np.ndarray:
        """[3] unit, in the base frame: along it the first finger opens, and the other one against it."""
        ...

    def command(self, opening_m: float) -> None:
        """The wanted opening [m]."""
        ...

    def track(self, dt: float) -> None:
        """Move the motor's target by dt [s] of the commanded motion."""
        ...


def simulated_gripper(client, body: int, robot: Embodiment, joints: dict[str, int]) -> SimulatedGripper:
    """The gripper of the robot in `body`; its links have the numbers of the joints that move them."""
    jaw = robot.simulated.jaw
    return SlidingFingers(client, body, robot, joints) if jaw is None else TurningJaw(client, body, robot, jaw, joints)


def set_pad_friction(client, body: int, fingers: list[int]) -> None:
    """Make pads of these links."""
    for finger in fingers:
        client.changeDynamics(body, finger, lateralFriction=PAD_FRICTION, spinningFriction=0.002)


class SlidingFingers:
    """Two prismatic joints, geared to each other."""

    def __init__(self, client, body: int, robot: Embodiment, joints: dict[str, int]):
        self._client, self._body, self._gripper = client, body, robot.gripper
        self._slides = self.fingers = [joints[name] for name in robot.simulated.finger_joints or ()]
        gear = client.createConstraint(
            body, self._slides[0], body, self._slides[1], pybullet.JOINT_GEAR, (0, 1, 0), (0, 0, 0), (0, 0, 0)
        )
        client.changeConstraint(gear, gearRatio=-1, maxForce=500, erp=0.2)
        set_pad_friction(client, body, self.fingers)
        # In the first finger's frame.
        self._axis = np.array(client.getJointInfo(body, self._slides[0])[13])
        self._target = self._goal = robot.gripper.stroke_m / 2

    def place(self, opening_m: float) -> None:
        for slide in self._slides:
            self._client.resetJointState(self._body, slide, opening_m / 2, 0.0)
        self._target = self._goal = opening_m / 2

    @property
    def opening_m(self) -> float:
        return float(sum(state[0] for state in self._client.getJointStates(self._body, self._slides)))

    def opens_along(self) -> np.ndarray:
        turned = self._client.getMatrixFromQuaternion(self._client.getLinkState(self._body, self.fingers[0])[1])
        return np.array(turned).reshape(3, 3) @ self._axis

    def command(self, opening_m: float) -> None:
        self._goal = float(np.clip(opening_m, 0.0, self._gripper.stroke_m)) / 2

    def track(self, dt: float) -> None:
        actual = self.opening_m / 2
        reach = self._gripper.speed_m_s / 2 * dt
        target = self._target + np.clip(self._goal - self._target, -reach, reach)
        self._target = float(np.clip(target, actual - TARGET_LEAD_M, actual + TARGET_LEAD_M))
        self._client.setJointMotorControlArray(
            self._body,
            self._slides,
            pybullet.POSITION_CONTROL,
            targetPositions=[self._target] * 2,
            forces=[self._gripper.force_n] * 2,
            positionGains=[0.3] * 2,
            velocityGains=[1.0] * 2,
        )


class TurningJaw:
    """One revolute joint. Its opening is what the contract makes of the angle, in a straight line."""

    def __init__(self, client, body: int, robot: Embodiment, jaw: Jaw, joints: dict[str, int]):
        assert robot.gripper.joint_range_rad is not None  # a contract without is refused
        self._client, self._body, self._gripper = client, body, robot.gripper
        self._range, self._torque = robot.gripper.joint_range_rad, robot.gripper.force_n * jaw.lever_m
        self._joint = joints[jaw.joint]
        links = {client.getJointInfo(body, index)[12].decode(): index for index in range(client.getNumJoints(body))}
        self.fingers = [self._joint, links[jaw.fixed]]
        self._tool = links[robot.tool_frame]
        set_pad_friction(client, body, self.fingers)
        self._target = self._goal = robot.gripper.stroke_m

    def place(self, opening_m: float) -> None:
        self._client.resetJointState(self._body, self._joint, self._angle(opening_m), 0.0)
        self._target = self._goal = opening_m

    def _angle(self, opening: float) -> float:
        return joint_position_rad(opening, self._range, self._gripper.stroke_m)

    @property
    def opening_m(self) -> float:
        angle = self._client.getJointState(self._body, self._joint)[0]
        return float(opening_m(angle, self._range, self._gripper.stroke_m))

    def opens_along(self) -> np.ndarray:
        state = self._client.getLinkState(self._body, self._tool, computeForwardKinematics=True)
        return np.array(self._client.getMatrixFromQuaternion(state[5])).reshape(3, 3)[:, 1]

    def command(self, opening_m: float) -> None:
        self._goal = float(np.clip(opening_m, 0.0, self._gripper.stroke_m))

    def track(self, dt: float) -> None:
        actual, reach = self.opening_m, self._gripper.speed_m_s * dt
        target = self._target + np.clip(self._goal - self._target, -reach, reach)
        self._target = float(np.clip(target, actual - 2 * TARGET_LEAD_M, actual + 2 * TARGET_LEAD_M))
        self._client.setJointMotorControl2(
            self._body,
            self._joint,
            pybullet.POSITION_CONTROL,
            targetPosition=self._angle(self._target),
            force=self._torque,
            positionGain=0.3,
            velocityGain=1.0,
        )
