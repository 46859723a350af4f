"""The seam between what is proposed and what is wanted of the joints."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.proposal import Proposal


class Follower(Protocol):
    """Turns the values of one kind of action into joint velocities; one for each source of proposals.

    A frozen dataclass: the guard's journal writes it down. Limits of the joints, of the tool's room, of clearance and
    of acceleration are the guard's, whatever the kind.
    """

    def begin(self, proposal: Proposal, before: JointWay | None, situation: Situation) -> JointWay | None:
        """The way that this proposal leads; None where it leads nowhere in particular.

        Args:
            before: the way that was followed until now.
        """
        ...

    def wanted(self, values: np.ndarray, share: float, situation: Situation) -> tuple[np.ndarray, tuple[str, ...]]:
        """Joint velocities [joints] [rad/s] that carry out this share of `values`, and the limits that acted."""
        ...
