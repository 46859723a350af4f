"""A model's preset as a robot's contract calls what it observes."""

from __future__ import annotations

from dataclasses import replace

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import Embodiment
from gato_ros.models.config import GatoConfig
from gato_ros.models.presets import IMAGE_KEYS, PRESETS, PROPRIOCEPTION

_CUBE_POSES = tuple(f"privileged/{colour}/cube_pose" for colour in ("blue", "green", "red"))
"""Channels of `embodiments.privileged`: poses as tokens in place of the images."""
ROBOT_PRESETS: dict[str, GatoConfig] = {
    **PRESETS,
    **{
        name: replace(PRESETS["sawyer_small"], observation_keys=(*PROPRIOCEPTION, *_CUBE_POSES, *more))
        for name, more in {"sawyer_state": (), "sawyer_plan": ("privileged/plan",)}.items()
    },
}
"""The named sizes, and two controls that see poses: they tell whether a policy misses because it does not see."""
_SOURCES = {
    "gripper/grasp": "gripper_grasp",
    "sawyer/joints/angle": "joint_position",
    "sawyer/pinch/pose": "tool_pose",
    "sawyer/tcp/pose": "wrist_pose",
}
"""What the Sawyer's keys in PRESETS stand for."""


def preset_for(name: str, robot: Embodiment) -> GatoConfig:
    """The preset as this robot's contract calls what it observes: cameras in their order, all else by its source.

    A robot with fewer cameras than the preset gives those that it has, and one that observes no grasp need not give
    it.

    Raises:
        SetupError: no such preset, or no camera for one that looks, or a source that the robot lacks.
    """
    if name not in ROBOT_PRESETS:
        raise unknown_name("a preset", name, ROBOT_PRESETS)
    config = ROBOT_PRESETS[name]
    images = [key for key in config.observation_keys if key in IMAGE_KEYS]
    wanted = [key for key in config.observation_keys if key not in images]
    if not robot.observes_grasp:
        wanted = [key for key in wanted if _SOURCES.get(key) != "gripper_grasp"]
    called = {key: robot.key_of(_SOURCES[key]) for key in wanted if key in _SOURCES and key not in robot.observations}
    if images and not robot.image_keys:
        raise SetupError(
            expected=f"a camera in the contract {robot.name} for the preset {name}",
            got="none",
            fix="add one to the contract's `observations`, or choose a preset that sees poses: sawyer_state",
        )
    cameras = images if set(images) <= set(robot.image_keys) else robot.image_keys[: len(images)]
    return replace(config, observation_keys=(*cameras, *(called.get(key, key) for key in wanted)))
