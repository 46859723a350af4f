"""Proposals and commands of an arm that stands on a mobile base.

Classes of their own: a journal of an arm that stands still is to the byte what it was before there were bases.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gato_ros.core.guard.proposal import Proposal, finite
from gato_ros.core.guard.verdict import Command


@dataclass(frozen=True)
class ProposalWithBase(Proposal):
    """A motion of the arm and of the base."""

    base: np.ndarray = field(kw_only=True)
    """[axes] velocity of the base along its own axes [m/s], [rad/s], in the contract's order."""

    @property
    def finite(self) -> bool:
        """Whether every number of it is one."""
        return super().finite and finite(self.base)


@dataclass(frozen=True)
class CommandWithBase(Command):
    """What goes on the wire."""

    base_velocity: np.ndarray
    """[axes] as in the proposal; finite, always."""

    @property
    def at_rest(self) -> bool:
        """Whether it asks for no motion but the gripper's."""
        return super().at_rest and not self.base_velocity.any()
