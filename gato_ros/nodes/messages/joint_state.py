"""sensor_msgs/JointState read by joint name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import JointState

from gato_ros.embodiments.contract import Embodiment


class JointsRefused(Exception):
    """A JointState that does not hold what was requested; the text says what is wrong."""


class OtherJoints(JointsRefused):
    """A state that names none of the joints requested: another device's, where two publish on one topic."""


def values_by_name(message: JointState, field: str, names: Sequence[str], *, closed: bool) -> np.ndarray:
    """`field` ("position", "velocity" or "effort") of the joints `names`, in that order, float64 [joints].

    Args:
        closed: refuse other joints than `names` (a command); a robot's state may hold more (a head).

    Raises:
        JointsRefused: a name is missing, doubled or unknown, or the field has another length than the names.
        OtherJoints: all names are missing in a state.
    """
    if not closed and not set(names) & set(message.name):
        raise OtherJoints(f"no {', '.join(names)} among {', '.join(message.name) or 'no names'}")
    values = getattr(message, field)
    if len(values) != len(message.name):
        raise JointsRefused(f"{len(message.name)} names but {len(values)} values of {field}")
    index = {name: i for i, name in enumerate(message.name)}
    if len(index) != len(message.name):
        raise JointsRefused(f"a joint name is doubled in {list(message.name)}")
    if missing := [name for name in names if name not in index]:
        raise JointsRefused(f"no {field} of {', '.join(missing)}")
    if closed and len(index) != len(names):
        raise JointsRefused(f"unknown joints {', '.join(sorted(set(index) - set(names)))}")
    return np.array([values[index[name]] for name in names], np.float64)


def arm_state(message: JointState, robot: Embodiment) -> np.ndarray:
    """Angles [rad] and speeds [rad/s] of the arm's joints, float64 [2 joints].

    Raises:
        JointsRefused: as `values_by_name`, or a value is not finite.
    """
    rows = [values_by_name(message, field, robot.arm.joints, closed=False) for field in ("position", "velocity")]
    return _finite(np.array(rows), ("position", "velocity"), robot.arm.joints)


def gripper_state(message: JointState, robot: Embodiment) -> np.ndarray:
    """Opening [m] and effort [N], float64 [2 1].

    The effort is 0 where the message has none and the contract observes no grasp.

    Raises:
        JointsRefused: as `values_by_name`, or a value is not finite.
    """
    joint = [robot.gripper.joint]
    opening = values_by_name(message, "position", joint, closed=False)
    try:
        effort = _finite(values_by_name(message, "effort", joint, closed=False)[None], ("effort",), joint)[0]
    except JointsRefused:
        if robot.observes_grasp:
            raise
        effort = np.zeros(1)
    return _finite(np.array([opening, effort]), ("position", "effort"), joint)


def arm_velocity_command(message: JointState, robot: Embodiment) -> np.ndarray:
    """The arm's joint velocities [joints] [rad/s], in the contract's order, float64.

    Raises:
        JointsRefused: as `values_by_name`, other joints, or a value is not finite.
    """
    velocity = values_by_name(message, "velocity", robot.arm.joints, closed=True)
    if not np.isfinite(velocity).all():
        raise JointsRefused("a velocity is not finite")
    return velocity


def gripper_opening_command(message: JointState, robot: Embodiment) -> float:
    """The opening [m].

    Raises:
        JointsRefused: as `values_by_name`, another joint, or it is not finite.
    """
    opening = float(values_by_name(message, "position", [robot.gripper.joint], closed=True)[0])
    if not np.isfinite(opening):
        raise JointsRefused("the opening is not finite")
    return opening


def _finite(values: np.ndarray, fields: Sequence[str], names: Sequence[str]) -> np.ndarray:
    if bad := [
        f"{field} of {names[i]}" for field, row in zip(fields, values) for i in np.flatnonzero(~np.isfinite(row))
    ]:
        raise JointsRefused(f"not finite: {', '.join(bad)}")
    return values
