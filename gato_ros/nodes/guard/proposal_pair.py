"""The messages of one proposal, put together: the arm's, the gripper's, and where a policy drives a base the base's."""

from __future__ import annotations

import time

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.core.guard.arbiter import HUMAN
from gato_ros.core.guard.base.with_base import ProposalWithBase
from gato_ros.core.guard.following.twist import COMPONENTS
from gato_ros.core.guard.proposal import Proposal
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.joint_state import JointsRefused, values_by_name
from gato_ros.nodes.messages.proposal import USUAL, ProposalRefused, arm_values, base_values, twist_values

__all__ = ["ProposalPair", "ProposalRefused"]


class ProposalPair:
    """The newest parts from one source. They carry one stamp and may arrive in any order."""

    def __init__(self, source: str, robot: Embodiment):
        self._source, self._robot, self._by_contract = source, robot, source != HUMAN
        self._twist: tuple[Time, np.ndarray, float] | None = None
        self._opening: tuple[Time, float, float] | None = None
        self._with_base = self._by_contract and robot.base_part is not None
        self._base: tuple[Time, np.ndarray, float] | None = None
        self.newest: Proposal | None = None
        """The last whole proposal."""
        self.stamp: Time | None = None
        """Its stamp, exact."""

    def on_twist(self, message: TwistStamped | JointState) -> bool:
        """Take the arm's half, of a policy in the contract's own form; True when that makes a proposal."""
        try:
            values = arm_values(message, self._robot) if self._by_contract else self._by_hand(message)
        except JointsRefused as refusal:
            raise ProposalRefused(str(refusal)) from None
        self._twist = (message.header.stamp, values, time.monotonic())
        return self._pair()

    def _by_hand(self, message: TwistStamped) -> np.ndarray:
        """[4] of a tool that points down, else [6], in the base frame."""
        components = USUAL if self._robot.usual_actions else COMPONENTS
        return twist_values(message, components, self._robot.base_frame)

    def on_gripper(self, message: JointState) -> bool:
        """Take an opening; True when that makes a proposal."""
        try:
            opening = values_by_name(message, "position", [self._robot.gripper.joint], closed=True)[0]
        except JointsRefused as refusal:
            raise ProposalRefused(str(refusal)) from None
        self._opening = (message.header.stamp, float(opening), time.monotonic())
        return self._pair()

    def on_base(self, message: TwistStamped) -> bool:
        """Take the base's part, of a policy alone; True when that makes a proposal."""
        self._base = (message.header.stamp, base_values(message, self._robot), time.monotonic())
        return self._pair()

    def forget(self) -> None:
        """Whoever sent the last proposal is gone."""
        self.newest = None

    def _pair(self) -> bool:
        if self._twist is None or self._opening is None or self._twist[0] != self._opening[0]:
            return False
        (stamp, twist, twist_s), (_, opening, opening_s) = self._twist, self._opening
        if not self._with_base:
            self.newest = Proposal(twist, opening, seconds(stamp), min(twist_s, opening_s), self._source)
        elif self._base is None or self._base[0] != stamp:
            return False
        else:
            received_s = min(twist_s, opening_s, self._base[2])
            self.newest = ProposalWithBase(twist, opening, seconds(stamp), received_s, self._source, base=self._base[1])
        self.stamp = stamp
        return True
