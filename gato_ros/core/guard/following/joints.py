"""Following an action that is stated joint by joint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.motion import between
from gato_ros.core.guard.proposal import Proposal

BEYOND_RAD = 1.0
"""A target so far beyond a joint's end is as good as any further one [rad]."""


@dataclass(frozen=True)
class JointVelocityFollower:
    """The joints turn at the speeds that are proposed."""

    joints: np.ndarray
    """[values] which joint each value is of."""

    def begin(self, proposal: Proposal, before: JointWay | None, situation: Situation) -> JointWay | None:
        """Velocities lead nowhere in particular."""
        return None

    def wanted(self, values: np.ndarray, share: float, situation: Situation) -> tuple[np.ndarray, tuple[str, ...]]:
        """Joint velocities [joints] [rad/s] for that share of `values` [values] [rad/s], and the limits that acted."""
        return _spread(values * share, self.joints, situation), ()


@dataclass(frozen=True)
class JointPositionFollower:
    """The joints go to where they are wanted, in a straight line of joint space, and stand there.

    For `reach_s` they go at the speed that brings them there in that time, so that targets which come one after the
    other are one motion. After that what is left shrinks like an exponential. Neither passes the target.
    """

    joints: np.ndarray
    """[values] which joint each value is of."""
    delta: bool
    """Whether values count from where the joints are when the guard first sees the proposal."""
    reach_s: float
    """[s] > 0."""

    def begin(self, proposal: Proposal, before: JointWay | None, situation: Situation) -> JointWay | None:
        """The way to this proposal's target; `before` as long as it is the same proposal."""
        if before is not None and before.leads_to(proposal):
            return before
        start = self._position(situation)
        target = np.array(proposal.twist, np.float64)
        if self.delta:
            # What the step before has not gone yet is still to go, but never more than a step of now: else an arm
            # that is held up would be owed more and more.
            left = np.zeros_like(start) if before is None else before.target - start
            target = start + between(left, -np.abs(target), np.abs(target)) + target
        ends = situation.ik.position_lower[self.joints], situation.ik.position_upper[self.joints]
        target = between(target, ends[0] - BEYOND_RAD, ends[1] + BEYOND_RAD)
        return JointWay(start, target, situation.now_s, proposal.stamp_s, proposal.received_s, proposal.source)

    def wanted(self, values: np.ndarray, share: float, situation: Situation) -> tuple[np.ndarray, tuple[str, ...]]:
        """Joint velocities [joints] [rad/s] towards the target of `situation.way`, and the limits that acted."""
        way = situation.way
        assert way is not None  # `begin` made it
        left = way.target - self._position(situation)
        on_the_way = 0.0 <= situation.now_s - way.since_s < self.reach_s
        velocity = ((way.target - way.start) if on_the_way else left) / self.reach_s
        # Whatever is approached is come to no faster than a stop in front of it allows.
        near = left * situation.gain
        velocity = between(velocity, np.minimum(near, 0.0), np.maximum(near, 0.0))
        return _spread(velocity * share, self.joints, situation), ()

    def _position(self, situation: Situation) -> np.ndarray:
        """[values] of its joints, after what is smoothed already [rad]."""
        return (situation.state.joint_position + situation.ahead)[self.joints]


def _spread(values: np.ndarray, joints: np.ndarray, situation: Situation) -> np.ndarray:
    """[joints] zero but for these."""
    velocity = np.zeros_like(situation.state.joint_position, np.float64)
    velocity[joints] = values
    return velocity
