"""Whether two contracts that are to guard two arms beside each other say the same of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.embodiments.contract import Embodiment
from gato_ros.embodiments.guard_bounds import NeighbourArm
from gato_ros.embodiments.neighbours.placement import joint_states_topic, transform

NEAR_M, NEAR_RAD = 1e-3, 1e-3
"""Two contracts may differ by so much in where one arm stands from the other."""


def check_neighbour(robot: Embodiment, name: str, other: Embodiment, back: Sequence[str]) -> None:
    """SetupError unless `other`, the contract of the neighbour `name` of `robot`, can stand beside it.

    Args:
        back: under which names `other` names this contract.
    """
    stated, at = robot.guard_neighbours[name], f"guard.neighbours.{name} of {robot.name}"
    if other.guard.clearance is None:
        raise SetupError(
            expected=f"a contract with guard.clearance.capsules for {at}",
            got=f"{other.name}, without",
            fix="add them: nothing else says where its parts are",
        )
    topic, own = joint_states_topic(stated, other), f"/{robot.wire.namespace}/{robot.wire.joint_states.topic}"
    if topic == own and set(robot.arm.joints) & set(other.arm.joints):
        raise SetupError(
            expected=f"joint states of another arm for {at}",
            got=f"{topic}, this arm's own, with joints of the same names",
            fix="give the other arm's contract a namespace of its own, or name its topic in joint_states",
        )
    if stated.speed_m_s is None:
        _check_mutual(robot, stated, at, other, back)


def _check_mutual(robot: Embodiment, stated: NeighbourArm, at: str, other: Embodiment, back: Sequence[str]) -> None:
    """The other guard yields to this arm: it names it, stands where this one says, and keeps as much free."""
    if not back:
        raise SetupError(
            expected=f"guard.neighbours of {other.name} to name {robot.name}, as {at} names it",
            got=", ".join(f"{key}: {one.contract}" for key, one in other.guard_neighbours.items()) or "none",
            fix=f"name it there; or say in {at} at which speed_m_s an arm comes that does not yield",
        )
    there = other.guard_neighbours[back[0]]
    off = transform(stated.base) @ transform(there.base)
    turned_rad = np.arccos(np.clip((np.trace(off[:3, :3]) - 1.0) / 2.0, -1.0, 1.0))
    if np.linalg.norm(off[:3, 3]) > NEAR_M or turned_rad > NEAR_RAD:
        inverse = np.linalg.inv(transform(stated.base))
        raise SetupError(
            expected=f"base of {back[0]} in {other.name} as the inverse of the base in {at}, xyz_m "
            f"{np.round(inverse[:3, 3], 4).tolist()}",
            got=f"{there.base.xyz_m}, {np.linalg.norm(off[:3, 3]) * 1e3:.0f} mm and {np.rad2deg(turned_rad):.1f} "
            "degrees off",
            fix="both guards have to know the same place",
        )
    if stated.clearance_m != there.clearance_m:
        raise SetupError(
            expected=f"one clearance_m in {at} and in {other.name}",
            got=f"{stated.clearance_m:g} and {there.clearance_m:g}",
            fix="give both the same",
        )
