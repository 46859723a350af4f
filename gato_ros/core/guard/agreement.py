"""How far two proposals agree: what a policy would do beside what a human does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.proposal import Proposal

STANDING_M_S = 0.001
"""Slower than this [m/s] a direction says nothing."""


@dataclass(frozen=True)
class Agreement:
    """Two proposals of one instant, compared."""

    cosine: float
    """Of the angle between the two directions, 1 where they are the same; NaN where one of the two stands still."""
    speed_difference_m_s: float
    """Length of the difference of the linear velocities [m/s]."""
    turn_difference_rad_s: float
    """Between the rates about the vertical [rad/s]."""
    opening_difference_m: float
    """Between the gripper openings [m]."""


def agreement(one: Proposal, other: Proposal) -> Agreement:
    """Compare two proposals; symmetric."""
    a, b = (np.asarray(item.twist, np.float64) for item in (one, other))
    lengths = np.linalg.norm(a[:3]), np.linalg.norm(b[:3])
    cosine = float(a[:3] @ b[:3] / (lengths[0] * lengths[1])) if min(lengths) > STANDING_M_S else float("nan")
    return Agreement(
        cosine,
        float(np.linalg.norm(a[:3] - b[:3])),
        abs(float(a[3] - b[3])),
        abs(one.gripper_opening_m - other.gripper_opening_m),
    )
