"""Following an action that is a velocity of the tool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.motion import capped
from gato_ros.core.guard.proposal import Proposal

COMPONENTS = ("vx", "vy", "vz", "wx", "wy", "wz")
DOWN = [0, 1, 2, 5]
"""What is left of a twist where the tool has to point down."""


@dataclass(frozen=True)
class TwistFollower:
    """The tool point moves as proposed, and slides along what it may not pass."""

    components: np.ndarray
    """[values] which of COMPONENTS each value is."""
    in_tool: bool
    """Whether the axes are the tool's; else the base's."""
    others: str
    """Components that are not proposed: `down`, `held` at zero, or `free`."""

    def begin(self, proposal: Proposal, before: JointWay | None, situation: Situation) -> JointWay | None:
        """A velocity leads nowhere in particular."""
        return None

    def wanted(self, values: np.ndarray, share: float, situation: Situation) -> tuple[np.ndarray, tuple[str, ...]]:
        """Joint velocities [joints] [rad/s] for that share of `values` [values], and the limits that acted."""
        asked = np.zeros(6)
        asked[self.components] = values * share
        # Before it is turned: that leaves lengths alone, and nothing overflows on the way.
        slow = np.append(
            capped(asked[:3], situation.motion.linear_speed), capped(asked[3:], situation.motion.angular_speed)
        )
        axes = situation.rotation if self.in_tool else np.eye(3)
        twist, limits = situation.room.slid(
            np.append(axes @ slow[:3], axes @ slow[3:]),
            situation.position,
            situation.rotation,
            situation.gain,
            situation.motion,
        )
        limits = ("speed",) * bool((slow != asked).any()) + limits
        state, ik = situation.state, situation.ik
        if self.others == "down":
            free = ik.unlimited(state.joint_position, state.jacobian, state.tool_rotation, twist[DOWN])
        elif self.others == "held":
            free = ik.unlimited_rows(state.joint_position, state.jacobian, state.jacobian, twist)
        else:
            # What is listed, along its own axes; the rest has no row, and goes as it likes.
            rows = np.concatenate([axes.T @ state.jacobian[:3], axes.T @ state.jacobian[3:]])[self.components]
            listed = np.append(axes.T @ twist[:3], axes.T @ twist[3:])[self.components]
            free = ik.unlimited_rows(state.joint_position, state.jacobian, rows, listed)
        return free, limits
