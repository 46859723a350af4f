"""Joint velocities scaled to what joint range, singularity, clearance and other arms allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.differential_ik import DifferentialIk
from gato_ros.core.guard.joint_watch import JointWatch
from gato_ros.core.guard.motion import largest
from gato_ros.core.guard.neighbours.neighbour import NeighbourView
from gato_ros.core.guard.proposal import RobotState
from gato_ros.core.guard.singularity import SingularityLimits


def kept_clear(
    wished: Sequence[np.ndarray],
    state: RobotState,
    ahead: np.ndarray,
    gain: float,
    ik: DifferentialIk,
    watch: JointWatch | None,
    singularity: SingularityLimits | None,
    clearance: Clearance | None,
    neighbours: Sequence[NeighbourView] = (),
) -> list[tuple[np.ndarray, tuple[str, ...]]]:
    """Each of `wished` [joints] [rad/s], scaled, and the names of the limits that scaled it.

    Args:
        ahead: [joints] how far the arm goes [rad] before this can act.
        gain: [1/s] a room may be closed at so many times itself.
        watch: knows which joints are outside their range; None: only speeds are limited.
        singularity: None: not looked at.
        clearance: None: not looked at.
        neighbours: other arms, where they are seen.
    """
    velocities = list(wished)
    limits: list[tuple[str, ...]] = [()] * len(wished)

    def scale(name: str, shares: Sequence[float]) -> None:
        for i, share in enumerate(shares):
            if share < 1.0:
                velocities[i], limits[i] = velocities[i] * share, (*limits[i], name)

    gain_near = min(ik.limit_gain, gain)
    if watch is not None:
        outside = ("outside_joint_range",) * bool(watch.outside(state.joint_position).any())
        for i, free in enumerate(wished):
            velocities[i] = ik.within_limits(state.joint_position + ahead, free, gain_near)
            limits[i] = ("joints",) * bool(largest(velocities[i] - free) > 1e-9) + outside
    else:
        most = ik.velocity_limit
        for i, free in enumerate(wished):
            velocities[i] = free * min(1.0, float(np.min(most / np.maximum(np.abs(free), 1e-12))))
    if singularity is not None:
        scale("singularity", singularity.shares(state.jacobian, velocities))
    if clearance is not None or neighbours:
        # A state without them is a fault.
        assert state.capsule_ends is not None and state.capsule_jacobians is not None
        ends, jacobians = state.capsule_ends + state.capsule_jacobians @ ahead, state.capsule_jacobians
        if clearance is not None:
            scale("clearance", clearance.shares(ends, jacobians, velocities, gain_near))
        for view in neighbours:
            scale(f"neighbour:{view.neighbour.name}", view.shares(ends, jacobians, velocities, gain_near))
    return list(zip(velocities, limits, strict=True))
