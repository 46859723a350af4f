"""The gripper's part of an action as an opening, and back."""

from __future__ import annotations

from gato_ros.embodiments.actions.gripper import joint_position_rad, opening_m
from gato_ros.embodiments.contract import Embodiment


def wanted_opening_m(robot: Embodiment, value: float) -> float:
    """The opening [m] that the gripper's part of an action asks for with this value."""
    if robot.gripper_part.by == "opening":
        return value
    assert robot.gripper.joint_range_rad is not None  # a contract without is refused
    return opening_m(value, robot.gripper.joint_range_rad, robot.gripper.stroke_m)


def value_of_opening(robot: Embodiment, opening: float) -> float:
    """Inverse of `wanted_opening_m`."""
    if robot.gripper_part.by == "opening":
        return opening
    assert robot.gripper.joint_range_rad is not None  # a contract without is refused
    return joint_position_rad(opening, robot.gripper.joint_range_rad, robot.gripper.stroke_m)
