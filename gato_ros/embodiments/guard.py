"""The guard of one robot: its contract's limits in the guard's words."""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.settings import GuardLimits, GuardSettings
from gato_ros.core.guard.singularity import SingularityLimits
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.kinematics import differential_ik


def make_guard(embodiment: Embodiment, **settings: Any) -> Guard:
    """A guard as it starts: latched, `not_armed`.

    Args:
        settings: those of `GuardSettings` that differ from the contract's or the default.
    """
    own = {"stroke_m": embodiment.gripper.stroke_m, "state_max_age_s": embodiment.wire.joint_states.max_age_s}
    return Guard(
        embodiment.motion_limits,
        differential_ik(embodiment),
        GuardSettings(**{**own, **settings}),
        guard_limits(embodiment),
    )


def guard_limits(embodiment: Embodiment) -> GuardLimits:
    """The contract's section `guard`."""
    bounds = embodiment.guard
    return GuardLimits(
        bounds.linear_jerk_m_s3,
        bounds.angular_jerk_rad_s3,
        np.array(bounds.joint_acceleration_rad_s2),
        SingularityLimits(bounds.singularity.slow, bounds.singularity.stop),
        _clearance(embodiment),
    )


def _clearance(embodiment: Embodiment) -> Clearance | None:
    geometry = embodiment.guard.clearance
    if geometry is None:
        return None
    place = {name: i for i, name in enumerate(geometry.capsules)}
    return Clearance(
        np.array([capsule.radius_m for capsule in geometry.capsules.values()]),
        geometry.distance_m,
        geometry.table_height_m,
        np.array([place[name] for name in geometry.above_table], int),
        np.array([[place[name] for name in pair] for pair in geometry.apart], int).reshape(-1, 2),
    )
