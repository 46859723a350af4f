"""A name for each number of an observation or an action."""

from __future__ import annotations

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.channels import source_of

ACTION_NAMES = ("vx_m_s", "vy_m_s", "vz_m_s", "wz_rad_s", "gripper_opening_m")


def value_names(robot: Embodiment, key: str, size: int) -> list[str]:
    """A name for each value of a vector: joints by their names, poses by their axes."""
    source = source_of(robot.channel(key))
    joints = source in ("joint_position", "joint_velocity")
    pose = source in ("tool_pose", "wrist_pose")
    parts = robot.arm.joints if joints else ("x", "y", "z", "qx", "qy", "qz", "qw") if pose else range(size)
    return [key] if size == 1 else [f"{key}/{part}" for part in parts]
