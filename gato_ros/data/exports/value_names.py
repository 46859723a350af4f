"""A name for each number of an observation or an action."""

from __future__ import annotations

from gato_ros.core.sensing.rotation_kinds import NAMES
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.channels import WireChannel, source_of
from gato_ros.embodiments.decoders.decoder import AXES
from gato_ros.embodiments.decoders.registry import decoder_of
from gato_ros.embodiments.decoders.transform import LOOKUP

ACTION_NAMES = ("vx_m_s", "vy_m_s", "vz_m_s", "wz_rad_s", "gripper_opening_m")
"""Of vx vy vz wz and an opening."""


def action_names(robot: Embodiment) -> tuple[str, ...]:
    """A name with its unit for each value of the contract's action: of a twist or joints, and of a base."""
    if robot.usual_actions:
        return ACTION_NAMES
    arm, gripper = robot.arm_part, robot.gripper_part
    suffix = {"m/s": "m_s", "rad/s": "rad_s", "rad": "rad"}
    of_gripper = "gripper_opening_m" if gripper.by == "opening" else "gripper_position_rad"
    base = [] if robot.base_part is None else zip(robot.base_part.names, robot.base_part.units)
    of_arm = (f"{name}_{suffix[unit]}" for name, unit in zip(arm.names, arm.units))
    return (*of_arm, of_gripper, *(f"base_{name}_{suffix[unit]}" for name, unit in base))


def value_names(robot: Embodiment, key: str, size: int) -> list[str]:
    """A name for each value of a vector: joints by their names, poses by their axes, fields by their paths."""
    channel = robot.channel(key)
    source = source_of(channel)
    parts = list(map(str, range(size)))
    if source in ("joint_position", "joint_velocity"):
        parts = robot.arm.joints
    elif isinstance(channel, WireChannel) and source in ("tool_pose", "wrist_pose"):
        parts = [*AXES, *NAMES[str(channel.rotation)]]
    elif isinstance(channel, WireChannel) and channel.fields:
        parts = _parts(channel, size)
    return [key] if size == 1 else [f"{key}/{part}" for part in parts]


def _parts(channel: WireChannel, size: int) -> list[str]:
    decoder = decoder_of(channel.type) if channel.type else LOOKUP
    found: list[str] = []
    for one in map(decoder.field, channel.fields or ()):
        ends = {"vector": AXES, "rotation": NAMES.get(str(channel.rotation), ()), "array": map(str, range(size))}
        found += [f"{one.path}.{end}" for end in ends[one.part]] if one.part in ends else [one.path]
    return found
