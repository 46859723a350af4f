"""Following an action that is a velocity of the tool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.plain import capped
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
        asked, motion = [0.0] * len(COMPONENTS), situation.motion
        for place, value in zip(self.components.tolist(), (values * share).tolist(), strict=True):
            asked[place] = value
        # Before it is turned: that leaves lengths alone, and nothing overflows on the way.
        slow = [*capped(asked[:3], motion.linear_speed), *capped(asked[3:], motion.angular_speed)]
        twist, limits = situation.room.slid(
            _turned(situation.rotation, slow) if self.in_tool else slow,
            situation.position,
            situation.attitude,
            situation.gain,
            motion,
        )
        limits = ("speed",) * (slow != asked) + limits
        state, ik, jacobian = situation.state, situation.ik, situation.jacobian
        if self.others == "down":
            free = ik.unlimited(state.joint_position, jacobian, situation.rotation, twist[DOWN])
        elif self.others == "held":
            free = ik.unlimited_rows(state.joint_position, jacobian, jacobian, twist)
        else:
            # What is listed, along its own axes; the rest has no row, and goes as it likes.
            back = situation.rotation.T if self.in_tool else np.eye(3)
            rows = np.concatenate([back @ jacobian[:3], back @ jacobian[3:]])[self.components]
            listed = np.append(back @ twist[:3], back @ twist[3:])[self.components]
            free = ik.unlimited_rows(state.joint_position, jacobian, rows, listed)
        return free, limits


def _turned(axes: np.ndarray, twist: list[float]) -> list[float]:
    """A twist [6] along the tool's axes, along the base's."""
    return [*(axes @ twist[:3]).tolist(), *(axes @ twist[3:]).tolist()]
