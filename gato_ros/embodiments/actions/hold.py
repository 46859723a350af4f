"""The policy that stands still, for any contract's action."""

from __future__ import annotations

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import HoldPolicy, Policy, PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments.actions.gripper import joint_position_rad
from gato_ros.embodiments.contract import OPENING, Embodiment


def hold_policy(robot: Embodiment) -> Policy:
    """Stands where the first observation found the arm and the gripper.

    Raises:
        SetupError: the action is joint positions, and the contract observes none.
    """
    return HoldPolicy() if robot.usual_actions else _Standstill(robot)


class _Standstill:
    info = PolicyInfo()
    observation_keys: tuple[str, ...]

    def __init__(self, robot: Embodiment):
        self._robot, self._still = robot, robot.arm_part.standstill
        self._joints = "" if self._still is not None else robot.key_of("joint_position")
        self.observation_keys = (OPENING, self._joints) if self._joints else (OPENING,)
        self._action: Action | None = None

    def reset(self, prompt: Prompt | None = None) -> None:
        self._action = None

    def act(self, observation: Observation) -> Decision:
        if self._action is None:
            self._action = self._standing(observation)
        return Decision(self._action)

    def _standing(self, observation: Observation) -> Action:
        robot, opening = self._robot, float(observation.values[OPENING][0])
        if robot.gripper_part.by == "joint_position":
            assert robot.gripper.joint_range_rad is not None  # a contract without is refused
            opening = joint_position_rad(opening, robot.gripper.joint_range_rad, robot.gripper.stroke_m)
        still = self._still
        if still is None:
            places = [robot.arm.joints.index(name) for name in robot.arm_part.names]
            still = observation.values[self._joints][places]
        return Action({robot.arm_key: np.asarray(still, np.float64), robot.gripper_key: opening})
