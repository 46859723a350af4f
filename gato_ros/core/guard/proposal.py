"""What goes into the guard: a motion that somebody wants, and the state of the robot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gato_ros.core.timing.freshness import Instant, Sample, timing_fault


@dataclass(frozen=True)
class Proposal:
    """A motion somebody wants."""

    twist: np.ndarray
    """[4] vx vy vz [m/s], wz [rad/s] in the base frame; of a contract that states its action otherwise, [values] of
    the arm's part, and of a person then all six components in the base frame. Incidents know it by this name."""
    gripper_opening_m: float
    """Wanted distance between the finger pads [m]."""
    stamp_s: float
    """When it was published [s], on the stamping clock."""
    received_s: float
    """When it arrived [s], on the steady clock."""
    source: str = "policy"
    """Who proposes: `human` or `policy`."""

    @property
    def finite(self) -> bool:
        """Whether every number of it is one."""
        return finite(self.twist) and math.isfinite(self.gripper_opening_m)


@dataclass(frozen=True)
class RobotState:
    """What the robot says about itself, with its kinematics at those joint angles (`Kinematics.state` makes one)."""

    joint_position: np.ndarray
    """[joints] [rad]."""
    joint_velocity: np.ndarray
    """[joints] [rad/s]."""
    stamp_s: float
    """Header stamp of the joint state [s], on the stamping clock."""
    received_s: float
    """Its arrival [s], on the steady clock."""
    tool_position: np.ndarray
    """[3] [m] in the base frame."""
    tool_rotation: np.ndarray
    """[3 3] base_from_tool."""
    jacobian: np.ndarray
    """[6 joints] of the tool point, linear rows first, base axes."""
    capsule_ends: np.ndarray | None = None
    """[capsules 2 3] ends of the contract's capsules [m] in the base frame; None where it has none."""
    capsule_jacobians: np.ndarray | None = None
    """[capsules 2 3 joints] of these points, base axes."""

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Every number that the guard computes with."""
        own = (self.joint_position, self.joint_velocity, self.tool_position, self.tool_rotation, self.jacobian)
        capsules = (self.capsule_ends, self.capsule_jacobians)
        return (*own, *(array for array in capsules if array is not None))


def state_fault(
    state: RobotState | None, now: Instant, max_age_s: float, future_tolerance_s: float, capsules: bool
) -> str | None:
    """Why the arm may not be moved by that state, or None.

    Args:
        capsules: whether it has to have them.
    """
    if state is None:
        return "missing_state"
    if not all(map(finite, state.arrays())):
        return "non_finite_state"
    if capsules and (state.capsule_ends is None or state.capsule_jacobians is None):
        return "state_without_capsules"
    fault = timing_fault(Sample(None, state.stamp_s, state.received_s), now, max_age_s, future_tolerance_s)
    return f"{fault}_state" if fault else None


def finite(array: np.ndarray) -> bool:
    """Whether every number of it is one."""
    # A square that is not a finite number comes of one that is none, or is too large: that is looked at again.
    return math.isfinite(np.vdot(array, array)) or bool(np.isfinite(array).all())


def age_s(item: Proposal | RobotState | None, now: Instant) -> float:
    """By the worse of both clocks [s]; infinite of nothing."""
    return math.inf if item is None else Sample(None, item.stamp_s, item.received_s).age_s(now)
