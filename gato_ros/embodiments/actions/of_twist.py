"""The motion of a tool or of joints, said in the terms of a contract's action."""

from __future__ import annotations

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.embodiments.actions.hold import base_at_rest
from gato_ros.embodiments.actions.joints import JointPositionPart
from gato_ros.embodiments.actions.opening import value_of_opening
from gato_ros.embodiments.actions.twist import TwistPart
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.kinematics import Kinematics, ToolState, differential_ik

USUAL = ("vx", "vy", "vz", "wz")


class ActionOfTwist:
    """For whoever thinks in vx vy vz wz with the gripper down, as the scripted expert does, whatever the arm takes.

    The contract's action brings back a tool that has tilted, as inverse kinematics does for the usual action.
    """

    def __init__(self, robot: Embodiment):
        """SetupError: the action is of joints, and the contract observes no joint positions."""
        self._robot, self._part, self._ik = robot, robot.arm_part, differential_ik(robot)
        by_joints = not isinstance(self._part, TwistPart)
        self._kinematics = Kinematics(robot) if by_joints else None
        self.joints_key: str | None = robot.key_of("joint_position") if by_joints else None
        """The observation with the joint angles, where they are needed."""

    @property
    def upper(self) -> np.ndarray:
        """[4] vx vy vz [m/s], wz [rad/s] that the action can say at most."""
        part, upper = self._part, self._robot.jog_upper.copy()
        if isinstance(part, TwistPart) and part.frame == "base":
            for place, name in enumerate(USUAL):
                if name in part.names:
                    upper[place] = min(upper[place], part.upper[part.names.index(name)])
        return upper

    def action(self, wish: ArmAction, tool_rotation: np.ndarray, joints: np.ndarray | None = None) -> Action:
        """What does the same.

        Args:
            wish: vx vy vz wz in the base frame, and an opening.
            tool_rotation: [3 3] base_from_tool.
            joints: [joints] where they are [rad]; needed where the action is of joints.
        """
        robot, part = self._robot, self._part
        if robot.usual_actions:
            return wish
        values = self._twist(wish.twist, tool_rotation) if self._kinematics is None else self._of_joints(wish, joints)
        gripper = value_of_opening(robot, wish.gripper_opening_m)
        return Action(
            {
                robot.arm_key: np.clip(values, part.lower, part.upper),
                robot.gripper_key: gripper,
                **base_at_rest(robot),
            }
        )

    def _twist(self, twist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        # As in `DifferentialIk.unlimited`: the cross product of the tool's axis with the floor's direction.
        tilt = np.array([-rotation[1, 2], rotation[0, 2]]) * self._ik.down_gain
        assert isinstance(self._part, TwistPart)
        return twist_values(self._part, np.array([*twist[:3], *tilt, twist[3]]), rotation)

    def _of_joints(self, wish: ArmAction, joints: np.ndarray | None) -> np.ndarray:
        assert joints is not None and self._kinematics is not None
        q = np.asarray(joints, np.float64)
        tool = self._kinematics.tool(q)
        return arm_values(self._robot, self._ik.joint_velocity(q, tool.jacobian, tool.rotation, wish.twist), q, tool)


def twist_values(part: TwistPart, twist: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """The part's components, along its own axes, of a twist [6] in the base frame; the tool has `rotation` [3 3]."""
    if part.frame == "tool":
        twist = np.append(rotation.T @ twist[:3], rotation.T @ twist[3:])
    return twist[[COMPONENTS.index(name) for name in part.names]]


def arm_values(robot: Embodiment, velocity: np.ndarray, joints: np.ndarray, tool: ToolState) -> np.ndarray:
    """[values] of the arm's part that ask for joint velocities [joints] [rad/s], at these angles and with that tool."""
    part = robot.arm_part
    if isinstance(part, TwistPart):
        return twist_values(part, tool.jacobian @ velocity, tool.rotation)
    places = [robot.arm.joints.index(name) for name in part.names]
    if not isinstance(part, JointPositionPart):
        return velocity[places]
    # The guard approaches a target so that it is reached after so long: at this speed.
    way = velocity * (part.reach_s or 1.0 / robot.control_rate_hz)
    return way[places] if part.mode == "delta" else (joints + way)[places]
