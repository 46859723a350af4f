"""What comes out of the guard: a command, and why it is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class Level(Enum):
    """What the guard did with a proposal."""

    OK = "ok"
    LIMITED = "limited"
    STOPPING = "stopping"
    LATCHED = "latched"


@dataclass(frozen=True)
class Command:
    """What goes on the wire."""

    joint_velocity: np.ndarray
    """[joints] [rad/s]; finite, always."""
    gripper_opening_m: float | None
    """Opening to hold [m]; None until the first accepted proposal."""

    @property
    def at_rest(self) -> bool:
        """Whether it asks for no motion but the gripper's."""
        return not self.joint_velocity.any()


@dataclass(frozen=True)
class Verdict:
    """Why the command is what it is."""

    level: Level
    """ok, limited, stopping (decelerating or standing, resumes by itself) or latched (needs a reset)."""
    reasons: tuple[str, ...]
    """The worst first; empty when ok."""
    proposal_age_s: float
    """Age of the proposal by the worse clock [s]; inf without one."""
    state_age_s: float
    """Age of the robot state by the worse clock [s]; inf without one."""
    source: str = "idle"
    """Who is in command: emergency_stop, human, policy or idle."""
    off: tuple[str, ...] = ()
    """Parts of the guard that are switched off."""

    @property
    def following(self) -> bool:
        """Whether the command carries out the proposal."""
        return self.level in (Level.OK, Level.LIMITED)
