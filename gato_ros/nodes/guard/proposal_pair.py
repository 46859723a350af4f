"""The two messages of one proposal, put together."""

from __future__ import annotations

import time

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import JointState

from gato_ros.core.guard.proposal import Proposal
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.joint_state import JointsRefused, values_by_name


class ProposalRefused(Exception):
    """A message that is no half of a proposal; the text says why."""


class ProposalPair:
    """The newest halves from one source. They carry one stamp and may arrive in either order."""

    def __init__(self, source: str, robot: Embodiment):
        self._source, self._robot = source, robot
        self._twist: tuple[Time, np.ndarray, float] | None = None
        self._opening: tuple[Time, float, float] | None = None
        self.newest: Proposal | None = None
        """The last whole proposal."""
        self.stamp: Time | None = None
        """Its stamp, exact."""

    def on_twist(self, message: TwistStamped) -> bool:
        """Take a twist; True when that makes a proposal."""
        if message.header.frame_id != self._robot.base_frame:
            raise ProposalRefused(f"a twist in frame {message.header.frame_id!r}")
        if message.twist.angular.x or message.twist.angular.y:
            raise ProposalRefused("rotation about x or y: the gripper points down")
        linear = message.twist.linear
        twist = np.array([linear.x, linear.y, linear.z, message.twist.angular.z])
        self._twist = (message.header.stamp, twist, time.monotonic())
        return self._pair()

    def on_gripper(self, message: JointState) -> bool:
        """Take an opening; True when that makes a proposal."""
        try:
            opening = values_by_name(message, "position", [self._robot.gripper.joint], closed=True)[0]
        except JointsRefused as refusal:
            raise ProposalRefused(str(refusal)) from None
        self._opening = (message.header.stamp, float(opening), time.monotonic())
        return self._pair()

    def forget(self) -> None:
        """Whoever sent the last proposal is gone."""
        self.newest = None

    def _pair(self) -> bool:
        if self._twist is None or self._opening is None or self._twist[0] != self._opening[0]:
            return False
        (stamp, twist, twist_s), (_, opening, opening_s) = self._twist, self._opening
        self.newest = Proposal(twist, opening, seconds(stamp), min(twist_s, opening_s), self._source)
        self.stamp = stamp
        return True
