"""The sections of a contract that say what the robot is: arm, gripper, limits, topics."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict, ordered
from gato_ros.embodiments.channels import Quality

MOST_TILT_RAD = 1.5
"""A cone is less than a quarter turn: beyond it the tilt's direction has no one name."""
ROUNDING = 1e-3
"""Of directions that people write down."""


class Arm(Strict):
    joints: list[str] = Field(min_length=1)
    posture_rad: list[FiniteFloat]
    position_overrides_rad: dict[str, tuple[FiniteFloat, FiniteFloat]] = {}
    velocity_timeout_s: FiniteFloat = Field(gt=0)

    @model_validator(mode="after")
    def _check(self) -> "Arm":
        for name, (lower, upper) in self.position_overrides_rad.items():
            at = ("position_overrides_rad", name)
            if name not in self.joints:
                raise Misfit(f"{name!r} is none of the arm's joints {', '.join(self.joints)}", at)
            ordered([lower], [upper], name, at)
        if twice := [name for i, name in enumerate(self.joints) if name in self.joints[:i]]:
            raise Misfit(f"{twice[0]} twice", ("joints",))
        return self


class Gripper(Strict):
    joint: str
    stroke_m: FiniteFloat = Field(gt=0)
    speed_m_s: FiniteFloat = Field(gt=0)
    force_n: FiniteFloat = Field(gt=0)
    grasp_threshold_n: FiniteFloat = Field(gt=0)
    joint_range_rad: tuple[FiniteFloat, FiniteFloat] | None = None
    """Position of its joint when closed, and when open by the whole stroke; for actions that are such positions."""

    @model_validator(mode="after")
    def _check(self) -> "Gripper":
        if self.joint_range_rad is not None and self.joint_range_rad[0] == self.joint_range_rad[1]:
            raise Misfit("closed and open are two positions", ("joint_range_rad",))
        return self


class Orientation(Strict):
    """How far the tool may tilt and turn."""

    tool_z: list[FiniteFloat] = Field(min_length=3, max_length=3)
    """Middle of the cone: where the tool's z axis points without tilt, in the base frame."""
    cone_rad: FiniteFloat = Field(gt=0, le=MOST_TILT_RAD)
    """Largest angle between the two."""
    tool_x: list[FiniteFloat] = Field(min_length=3, max_length=3)
    """Where the tool's x axis points at yaw 0, in the base frame; at a right angle to tool_z."""
    yaw_rad: tuple[FiniteFloat, FiniteFloat]
    """Range of the turn about tool_z, right-handed, within half a turn to either side."""

    @model_validator(mode="after")
    def _check(self) -> "Orientation":
        for name in ("tool_z", "tool_x"):
            if abs(np.linalg.norm(getattr(self, name)) - 1.0) > ROUNDING:
                raise Misfit(f"{name} has length 1, got {np.linalg.norm(getattr(self, name)):.4g}", (name,))
        if abs(np.dot(self.tool_z, self.tool_x)) > ROUNDING:
            raise Misfit("tool_x is at a right angle to tool_z", ("tool_x",))
        ordered([self.yaw_rad[0]], [self.yaw_rad[1]], "yaw_rad", ("yaw_rad",))
        if max(map(abs, self.yaw_rad)) > np.pi:
            raise Misfit("within -pi and pi: further turns have the same name", ("yaw_rad",))
        return self


class Limits(Strict):
    workspace_lower_m: list[FiniteFloat] = Field(min_length=3, max_length=3)
    workspace_upper_m: list[FiniteFloat] = Field(min_length=3, max_length=3)
    linear_speed_m_s: FiniteFloat = Field(gt=0)
    angular_speed_rad_s: FiniteFloat = Field(gt=0)
    linear_acceleration_m_s2: FiniteFloat = Field(gt=0)
    angular_acceleration_rad_s2: FiniteFloat = Field(gt=0)
    orientation: Orientation | None = None
    """None: nothing limits it but the joints."""

    @model_validator(mode="after")
    def _check(self) -> "Limits":
        at = ("workspace_lower_m",), ("workspace_upper_m",)
        ordered(self.workspace_lower_m, self.workspace_upper_m, "workspace", *at)
        return self


class StateTopic(Strict):
    """The robot's own state. Its subscriptions are best effort: publishers of either kind fit."""

    topic: str
    max_age_s: FiniteFloat = Field(gt=0)
    timeline: Literal["header"]
    """The guard judges its stamps, so it has to carry some."""
    align: Literal["nearest"]


class RecordedTopic(Strict):
    """A topic that a recorder keeps message by message. Changes no number and no digest."""

    type: str = Field(pattern="^[A-Za-z][A-Za-z0-9_]*/msg/[A-Za-z][A-Za-z0-9_]*$")
    quality: Quality


class Wire(Strict):
    namespace: str = Field(pattern="^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*$")
    """Of this robot's nodes, where nobody names another; two of a kind need two."""
    joint_states: StateTopic
    gripper_states: StateTopic
    arm_command: str
    arm_command_kind: Literal["joint_state", "float64_multi_array", "joint_trajectory", "twist"] = "joint_state"
    """In what form the guard sends the arm's joint velocities: `nodes/guard/arm_command.py`."""
    gripper_command: str
    proposal_twist: str
    proposal_gripper: str
    human_twist: str
    human_gripper: str
    base_command: str | None = Field(default=None, min_length=1)
    """Of a mobile base, if an action moves one; None: the usual topic."""
