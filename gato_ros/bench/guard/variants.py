"""A robot as if it were commanded in another way: the same arm and limits, with other actions.

For evidence: what holds for a guard of one kind of action has to hold for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.core.errors import unknown_name
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics

TILT_RAD, YAW_RAD = 0.5, 1.4
"""Orientation limits of a variant, about the tool's orientation in the contract's posture."""
REACH_S = 0.1
STEP_RAD = 0.05
"""Of a joint in a control step."""
COMPONENTS = ["vx", "vy", "vz", "wx", "wy", "wz"]
FEWER = ["vx", "vy", "vz", "wy", "wz"]
"""Of an arm with five joints, which can pitch its tool and roll it, as those of the SO-101 do."""


def _twist(robot: Embodiment, frame: str) -> dict[str, Any]:
    linear, angular = robot.limits.linear_speed_m_s / 2, robot.limits.angular_speed_rad_s / 2
    listed = COMPONENTS if len(robot.arm.joints) >= len(COMPONENTS) else FEWER
    most = [linear if name[0] == "v" else angular for name in listed]
    return {
        "kind": "twist",
        "components": listed,
        "frame": frame,
        "others": "held" if len(listed) == len(COMPONENTS) else "free",
        "units": ["m/s" if name[0] == "v" else "rad/s" for name in listed],
        "lower": [-value for value in most],
        "upper": most,
    }


def _joints(robot: Embodiment, kind: str, **more: Any) -> dict[str, Any]:
    lower, upper, speed = robot.joint_limits
    if kind == "joint_velocity":
        lower, upper = -speed / 4, speed / 4
    elif more["mode"] == "delta":
        lower, upper = np.full(len(speed), -STEP_RAD), np.full(len(speed), STEP_RAD)
    return {
        "kind": kind,
        "topic": f"proposal/{kind}",
        "joints": list(robot.arm.joints),
        "units": ["rad/s" if kind == "joint_velocity" else "rad"] * len(speed),
        "lower": lower.tolist(),
        "upper": upper.tolist(),
        **more,
    }


VARIANTS = {
    "twist_base": lambda robot: _twist(robot, "base"),
    "twist_tool": lambda robot: _twist(robot, "tool"),
    "joint_velocity": lambda robot: _joints(robot, "joint_velocity"),
    "joint_position": lambda robot: _joints(robot, "joint_position", mode="absolute", reach_s=REACH_S),
    "joint_delta": lambda robot: _joints(robot, "joint_position", mode="delta"),
}
"""Name -> the arm's part of the action."""
BASE = "base"
"""`twist_base` on a mobile base with three axes."""
BASE_PART = {
    "kind": "planar_base",
    "axes": ["vx", "vy", "wz"],
    "frame_id": "base_link",
    "units": ["m/s", "m/s", "rad/s"],
    "lower": [-0.5, -0.3, -1.0],
    "upper": [0.5, 0.3, 1.0],
}
BASE_BOUNDS = {
    "speed": [0.4, 0.25, 0.8],
    "acceleration": [0.8, 0.5, 2.0],
    "deceleration": [1.6, 1.2, 4.0],
    "arm_speed_rad_s": 0.3,
}
KINDS = (*VARIANTS, BASE)


def variant(robot: Embodiment, kind: str) -> Embodiment:
    """`robot` with another kind of action and limits of its tool's orientation; SetupError for an unknown kind."""
    if kind not in KINDS:
        raise unknown_name("a kind of action", kind, KINDS)
    content = robot.model_dump(mode="json", by_alias=True, exclude_unset=True)
    gripper = content["actions"][next(key for key, part in robot.actions.items() if part.moves == "gripper")]
    content["actions"] = {"arm": VARIANTS["twist_base" if kind == BASE else kind](robot), "gripper": gripper}
    if kind == BASE:
        content["actions"]["base/velocity"], content["guard"]["base"] = BASE_PART, BASE_BOUNDS
        content.pop("simulation", None)  # it has no base
    axes = Kinematics(robot).tool(np.array(robot.arm.posture_rad)).rotation
    content["limits"]["orientation"] = {
        "tool_z": axes[:, 2].tolist(),
        "tool_x": axes[:, 0].tolist(),
        "cone_rad": TILT_RAD,
        "yaw_rad": [-YAW_RAD, YAW_RAD],
    }
    return Embodiment.model_validate(content).found_in(robot.urdf_path.parent)
