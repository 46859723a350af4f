"""The policy that stands still, for any contract's action."""

from __future__ import annotations

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import HoldPolicy, Policy, PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments.actions.joints import JointPositionPart
from gato_ros.embodiments.actions.opening import value_of_opening
from gato_ros.embodiments.contract import OPENING, Embodiment
from gato_ros.embodiments.kinematics import Kinematics


def hold_policy(robot: Embodiment) -> Policy:
    """Stands where the first observation found the arm and the gripper.

    Raises:
        SetupError: the action is joint positions, and the contract observes none.
    """
    return HoldPolicy() if robot.usual_actions else Standstill(robot)


SHORTEST_M = 1e-6
"""Lever of a joint that does not move the tool's point."""


class Standstill:
    """As `HoldPolicy`, of any other action."""

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
        joints = observation.values[self._joints] if self._joints else None
        return standing_action(self._robot, joints, float(observation.values[OPENING][0]))


def standing_action(robot: Embodiment, joints: np.ndarray | None, opening_m: float) -> Action:
    """The action that leaves arm and gripper where they are.

    Args:
        joints: [joints] where they are [rad]; not needed where zeros ask for no motion.
        opening_m: of the gripper.
    """
    still = robot.arm_part.standstill
    if still is None:
        assert joints is not None
        still = joints[[robot.arm.joints.index(name) for name in robot.arm_part.names]]
    parts = {robot.arm_key: np.asarray(still, np.float64), robot.gripper_key: value_of_opening(robot, opening_m)}
    return Action({**parts, **base_at_rest(robot)})


def base_at_rest(robot: Embodiment) -> dict[str, np.ndarray]:
    """The base's part of an action that leaves it where it is; nothing where an arm stands on the floor."""
    return {} if robot.base_part is None else {str(robot.base_key): np.array(robot.base_part.standstill)}


def full_command(robot: Embodiment) -> np.ndarray:
    """[values] how far a value of the arm's part goes from standing still at most, for whoever disturbs an action.

    Half of a range. Of absolute joint positions what comes, in the time to reach them, of speeds of the joints that
    together move the tool as fast as the contract lets it: a joint alone is faster than any tool may be.
    """
    part = robot.arm_part
    if isinstance(part, JointPositionPart) and part.mode == "absolute":
        places = [robot.arm.joints.index(name) for name in part.names]
        jacobian = Kinematics(robot).tool(np.array(robot.arm.posture_rad)).jacobian[:, places]
        levers = np.linalg.norm(jacobian.reshape(2, 3, -1), axis=1) * np.sqrt(len(places))
        most = np.array([[robot.limits.linear_speed_m_s], [robot.limits.angular_speed_rad_s]])
        speeds = most / np.maximum(levers, SHORTEST_M)
        return np.minimum(speeds.min(axis=0), robot.joint_limits[2][places]) * float(part.reach_s or 0.0)
    return (np.array(part.upper) - np.array(part.lower)) / 2
