"""The neighbours of a robot as its guard knows them."""

from __future__ import annotations

from itertools import product

import numpy as np

from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.neighbours.neighbour import Neighbour, Neighbours, NeighbourState
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.guard_bounds import ClearanceGeometry, NeighbourArm
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.neighbours.placement import transform


def guard_neighbours(robot: Embodiment, tick_s: float) -> Neighbours:
    """The rules of the contract's section `guard.neighbours`, for a guard that steps every `tick_s` [s]."""
    stated = robot.guard_neighbours
    return Neighbours(
        tuple(neighbour_rule(name, robot, robot.neighbour(name), stated[name], tick_s) for name in stated)
    )


def neighbour_rule(name: str, robot: Embodiment, other: Embodiment, stated: NeighbourArm, tick_s: float) -> Neighbour:
    """What the guard of `robot` keeps to beside `other`, which it calls `name`."""
    own, its = _capsules(robot), _capsules(other)
    radii = [capsule.radius_m for capsule in (*own.capsules.values(), *its.capsules.values())]
    pairs = list(product(range(len(own.capsules)), range(len(own.capsules), len(radii))))
    geometry = Clearance(np.array(radii), stated.clearance_m, -np.inf, np.zeros(0, int), np.array(pairs, int))
    max_age_s = other.wire.joint_states.max_age_s
    return Neighbour(name, geometry, max_age_s, stated.latency_s + tick_s, stated.speed_m_s)


def _capsules(robot: Embodiment) -> ClearanceGeometry:
    assert robot.guard.clearance is not None  # the loader refuses others
    return robot.guard.clearance


class NeighbourGeometry:
    """Where the parts of one neighbour are, from its joint angles."""

    def __init__(self, other: Embodiment, stated: NeighbourArm):
        self._kinematics, self._base = Kinematics(other), transform(stated.base)

    def state(self, q: np.ndarray, stamp_s: float, received_s: float) -> NeighbourState:
        """What the guard reads, from joint angles q [joints] [rad] in the order of the neighbour's contract."""
        ends = self._kinematics.capsule_ends(q) @ self._base[:3, :3].T + self._base[:3, 3]
        return NeighbourState(ends, stamp_s, received_s)
