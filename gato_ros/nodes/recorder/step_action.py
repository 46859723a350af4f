"""What was wanted and what was done in a control step, in the terms of the contract's action."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.core.guard.proposal import Proposal
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.hold import base_at_rest, standing_action
from gato_ros.embodiments.actions.of_twist import arm_values, twist_values
from gato_ros.embodiments.actions.opening import value_of_opening
from gato_ros.embodiments.actions.twist import TwistPart
from gato_ros.embodiments.kinematics import Kinematics, differential_ik
from gato_ros.nodes.messages.proposal import proposal_paths, twist_paths

PROPOSAL_BASE, BASE_COMMAND = "proposal_base", "base_command"
"""Roles of messages of a base."""


def proposal_roles(robot: Embodiment) -> dict[str, tuple[str, ...]]:
    """Source of proposals -> the roles under which the arm's part and the gripper's are kept, and a base's."""
    # Under the first names lie twists of four values; of others the recording says which fields are the values.
    arm = "twist" if robot.usual_actions else "arm"
    base = () if robot.base_part is None else (PROPOSAL_BASE,)
    return {HUMAN: (f"human_{arm}", "human_gripper"), POLICY: (f"proposal_{arm}", "proposal_gripper", *base)}


def proposal_values(robot: Embodiment) -> dict[str, tuple[str, ...]]:
    """Role of the arm's part of a proposal, or of a base's messages -> the fields that hold its values; of the usual
    action nothing has to be said."""
    if robot.usual_actions:
        return {}
    roles = proposal_roles(robot)
    found = {roles[HUMAN][0]: twist_paths(COMPONENTS), roles[POLICY][0]: proposal_paths(robot)}
    if robot.base_part is not None:
        found |= dict.fromkeys((PROPOSAL_BASE, BASE_COMMAND), twist_paths(robot.base_part.names))
    return found


class StepAction:
    """Labels, and what was executed, of one robot."""

    def __init__(self, robot: Embodiment, kinematics: Kinematics):
        self._robot, self._kinematics, self._ik = robot, kinematics, differential_ik(robot)

    def wanted(self, proposal: Proposal, joints: np.ndarray | None) -> Action | None:
        """What was proposed, or None where it cannot be told without knowing where the arm is.

        A person proposes a twist in the base frame whatever the contract's action is.

        Args:
            joints: [joints] where they are [rad]; None: not known yet.
        """
        robot, values = self._robot, np.asarray(proposal.twist, np.float64)
        if proposal.source == HUMAN and not robot.usual_actions:
            if joints is None:
                return None
            values = self._by_hand(values, joints)
        return self._action(values, proposal.gripper_opening_m, getattr(proposal, "base", None))

    def _by_hand(self, twist: np.ndarray, joints: np.ndarray) -> np.ndarray:
        tool, part = self._kinematics.tool(joints), self._robot.arm_part
        if isinstance(part, TwistPart):
            return twist_values(part, twist, tool.rotation)
        # As the guard follows a person.
        velocity = self._ik.unlimited_rows(joints, tool.jacobian, tool.jacobian, twist)
        return arm_values(self._robot, velocity, joints, tool)

    def executed(
        self,
        commands: Sequence[np.ndarray],
        joints: np.ndarray,
        opening_m: float,
        base_commands: Sequence[np.ndarray] = (),
    ) -> Action:
        """The mean motion that the guard commanded, [joints] [rad/s] each and [axes] each, and the opening that the
        gripper holds."""
        base = np.mean(base_commands, axis=0) if len(base_commands) else None
        if not commands:
            standing = self.standing(joints, opening_m)
            return standing if base is None else Action({**standing.values, str(self._robot.base_key): base})
        tool = self._kinematics.tool(joints)
        return self._action(arm_values(self._robot, np.mean(commands, axis=0), joints, tool), opening_m, base)

    def standing(self, joints: np.ndarray, opening_m: float) -> Action:
        """Nobody wants, or does, anything."""
        return standing_action(self._robot, joints, opening_m)

    def _action(self, values: np.ndarray, opening_m: float, base: np.ndarray | None) -> Action:
        robot = self._robot
        parts = {robot.arm_key: values, robot.gripper_key: value_of_opening(robot, opening_m)}
        # Where nobody says anything of the base, it stands.
        return Action({**parts, **(base_at_rest(robot) if base is None else {str(robot.base_key): base})})
