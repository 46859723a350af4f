"""The guard of one robot: its contract's limits in the guard's words."""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.core.guard.arbiter import HUMAN, POLICY
from gato_ros.core.guard.base.planar_base import BaseLimits
from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.following.follower import Follower
from gato_ros.core.guard.following.orientation import OrientationLimits
from gato_ros.core.guard.following.room import ToolRoom
from gato_ros.core.guard.following.twist import COMPONENTS, TwistFollower
from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.neighbours.neighbour import Neighbours
from gato_ros.core.guard.settings import GuardLimits, GuardSettings
from gato_ros.core.guard.singularity import SingularityLimits
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.kinematics import differential_ik
from gato_ros.embodiments.neighbours.geometry import guard_neighbours
from gato_ros.embodiments.sections import Orientation

BY_HAND = TwistFollower(np.arange(len(COMPONENTS)), in_tool=False, others="held")


def make_guard(embodiment: Embodiment, *, neighbours: Neighbours | None = None, **settings: Any) -> Guard:
    """A guard as it starts: latched, `not_armed`.

    Args:
        neighbours: other arms; None: those of the contract. ALONE: none, as in the simulator of one arm.
        settings: those of `GuardSettings` that differ from the contract's or the default.
    """
    own = {"stroke_m": embodiment.gripper.stroke_m, "state_max_age_s": embodiment.wire.joint_states.max_age_s}
    chosen = GuardSettings(**{**own, **settings})
    return Guard(
        embodiment.motion_limits,
        differential_ik(embodiment),
        chosen,
        guard_limits(embodiment),
        None if embodiment.usual_actions else followers(embodiment),
        None if embodiment.usual_actions else tool_room(embodiment),
        guard_neighbours(embodiment, chosen.tick_s) if neighbours is None else neighbours,
        base_limits(embodiment),
    )


def base_limits(embodiment: Embodiment) -> BaseLimits | None:
    """The contract's bounds of its mobile base; None where an arm stands on the floor."""
    stated = embodiment.guard.base
    if stated is None:
        return None
    return BaseLimits(
        np.array(stated.speed), np.array(stated.acceleration), np.array(stated.deceleration), stated.arm_speed_rad_s
    )


def followers(embodiment: Embodiment) -> dict[str, Follower]:
    """How the guard follows each source: a policy as the contract states its action, a person by all six components
    of a twist in the base frame, for that is what operators' nodes publish."""
    joints, period_s = embodiment.arm.joints, 1.0 / embodiment.control_rate_hz
    return {POLICY: embodiment.arm_part.follower(joints, period_s), HUMAN: BY_HAND}


def tool_room(embodiment: Embodiment) -> ToolRoom:
    """The contract's workspace and orientation limits."""
    limits = embodiment.limits
    return ToolRoom(
        np.array(limits.workspace_lower_m), np.array(limits.workspace_upper_m), orientation_limits(limits.orientation)
    )


def orientation_limits(stated: Orientation | None) -> OrientationLimits | None:
    """The same in the guard's words; directions that are a little off are put right."""
    if stated is None:
        return None
    z = np.array(stated.tool_z) / np.linalg.norm(stated.tool_z)
    x = np.array(stated.tool_x) - z * (z @ stated.tool_x)
    x = x / np.linalg.norm(x)
    return OrientationLimits(np.stack([x, np.cross(z, x), z], axis=1), stated.cone_rad, *stated.yaw_rad)


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
