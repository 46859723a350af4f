"""What a follower knows of the instant."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gato_ros.core.guard.differential_ik import DifferentialIk
from gato_ros.core.guard.following.orientation import Attitude, turned
from gato_ros.core.guard.following.room import ToolRoom
from gato_ros.core.guard.motion import MotionLimits
from gato_ros.core.guard.proposal import Proposal, RobotState
from gato_ros.core.guard.singularity import change_of_jacobian


@dataclass(frozen=True)
class Situation:
    """The arm, what limits it, and how near a stop is."""

    state: RobotState
    ahead: np.ndarray
    """[joints] how far the joints go on by what is smoothed already [rad]."""
    gain: float
    """A room may be closed at so many times itself per second: a stop from the next tick on ends in it [1/s]."""
    ik: DifferentialIk
    motion: MotionLimits
    room: ToolRoom
    way: JointWay | None
    """Of a target that was given as joint positions."""
    now_s: float
    """On the steady clock [s]."""

    @cached_property
    def position(self) -> np.ndarray:
        """[3] of the tool after `ahead` [m]."""
        return self.state.tool_position + self.state.jacobian[:3] @ self.ahead

    @cached_property
    def rotation(self) -> np.ndarray:
        """[3 3] base_from_tool after `ahead`."""
        return turned(self.state.tool_rotation, self.state.jacobian[3:] @ self.ahead)

    @cached_property
    def jacobian(self) -> np.ndarray:
        """[6 joints] of the tool after `ahead`: there a velocity that is wanted now is carried out."""
        return self.state.jacobian + change_of_jacobian(self.state.jacobian, self.ahead)

    @cached_property
    def attitude(self) -> Attitude | None:
        """The tool after `ahead`, before the orientation limits; None without any."""
        orientation = self.room.orientation
        return None if orientation is None else orientation.at(self.rotation)

    def kept_in_room(
        self, clear: Sequence[tuple[np.ndarray, tuple[str, ...]]]
    ) -> list[tuple[np.ndarray, tuple[str, ...]]]:
        """Each of these velocities [joints], with the limits that acted, scaled to what the tool's room allows here."""
        kept = []
        for velocity, limits in clear:
            share, room = self.room.share(velocity, self.state.jacobian, self.position, self.attitude, self.gain)
            kept.append((velocity * share, room + limits) if share < 1.0 else (velocity, limits))
        return kept

    def on(self, way: JointWay | None) -> Situation:
        """The same instant on another way; what is reckoned already goes along."""
        same = copy(self)
        same.__dict__["way"] = way
        return same


@dataclass(frozen=True)
class JointWay:
    """From where to where the joints of a target go."""

    start: np.ndarray
    """[joints of the part] where they were when the guard first saw the proposal [rad]."""
    target: np.ndarray
    """[joints of the part] [rad]."""
    since_s: float
    """When that was, on the steady clock [s]."""
    stamp_s: float
    """Of the proposal [s]."""
    received_s: float
    """Of the proposal [s]."""
    source: str
    """Of the proposal."""

    def leads_to(self, proposal: Proposal) -> bool:
        """Whether it is this proposal's."""
        return (self.stamp_s, self.received_s, self.source) == (proposal.stamp_s, proposal.received_s, proposal.source)
