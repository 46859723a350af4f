"""The guard's parameters: its own times, and the bounds that only it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.errors import unknown_name
from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.singularity import SingularityLimits

PARTS = {
    "workspace": "the tool stays in its box, and in its cone where it may tilt",
    "jerk": "accelerations change smoothly",
    "joint_range": "joints stop before their ends, and one that is outside only comes back",
    "joint_jump": "a joint position that jumps latches",
    "singularity": "slow near poses where a direction is lost",
    "clearance": "arm parts keep apart, and off the table",
    "neighbours": "arms keep off each other, and stop where one does not see the other",
    "gripper_dwell": "the gripper does not chatter",
}
"""What may be switched off, each by its name. Finite values, ages, speeds, accelerations, emergency stop and latch
may not."""


@dataclass(frozen=True)
class GuardLimits:
    """Bounds of the robot that no one but the guard uses; from its contract."""

    linear_jerk: float
    """Largest change of the tool's linear acceleration [m/s^3]."""
    angular_jerk: float
    """Largest change of its angular acceleration [rad/s^3]."""
    joint_acceleration: np.ndarray
    """[joints] largest change of a commanded joint speed [rad/s^2], whatever jumps in the inputs."""
    singularity: SingularityLimits
    """Where the arm slows down before it loses a direction."""
    clearance: Clearance | None = None
    """What must stay apart; None where the contract states no geometry."""


@dataclass(frozen=True)
class GuardSettings:
    """The guard's own times and bounds."""

    stroke_m: float
    """Widest gripper opening [m]."""
    proposal_validity_s: float = 0.08
    """A proposal may be followed for this long [s]: with one tick and its jitter, a stop begins within 0.1 s."""
    state_max_age_s: float = 0.1
    """Oldest joint state that may be used [s]."""
    future_tolerance_s: float = 0.05
    """How far ahead of our clock a stamp may be [s]."""
    latch_after_s: float = 1.0
    """A stop in the middle of a motion that lasts this long [s] latches."""
    robot_gone_s: float = 0.4
    """Without a joint state for this long [s] the robot is gone, and the guard latches."""
    longest_gap_s: float = 0.1
    """If the guard itself was away for longer than this [s], the tick stops the arm."""
    tick_s: float = 0.01
    """Nominal time between two steps [s]; speeding up is never reckoned over more than two of them."""
    gripper_dwell_s: float = 0.15
    """The gripper does not turn round sooner than this after it did [s]: three control periods."""
    hand_back_ramp_s: float = 0.5
    """A policy that has the arm back from a human reaches its full speed after so long [s]; 0: at once."""
    off: tuple[str, ...] = ()
    """Parts that are switched off, by their names in PARTS."""

    def __post_init__(self) -> None:
        for name in self.off:
            if name not in PARTS:
                raise unknown_name("a part of the guard that may be switched off", name, PARTS)
