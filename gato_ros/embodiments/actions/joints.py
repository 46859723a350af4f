"""An arm that is moved joint by joint."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from gato_ros.core.guard.following.joints import JointPositionFollower, JointVelocityFollower
from gato_ros.embodiments.actions.part import JOINT_STATE, ActionPart
from gato_ros.embodiments.base_model import Misfit


class JointPart(ActionPart):
    """Any of the arm's joints, by name; the others stand still."""

    joints: list[str] = Field(min_length=1)
    """In the order of the values."""

    message: ClassVar[str] = JOINT_STATE
    unit: ClassVar[str]

    @model_validator(mode="after")
    def _check(self) -> "JointPart":
        self.check_names(self.joints, [self.unit] * len(self.joints), "joints")
        if self.topic is None:
            raise Misfit("a part by joints states the topic that a policy proposes it on", ("topic",))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.joints)

    def check_fits(self, joints: list[str], gripper_range_rad: tuple[float, float] | None) -> None:
        if unknown := [name for name in self.joints if name not in joints]:
            raise Misfit(f"{unknown[0]!r} is none of the arm's joints {', '.join(joints)}", ("joints",))

    def _places(self, joints: list[str]) -> np.ndarray:
        return np.array([joints.index(name) for name in self.joints])


class JointVelocityPart(JointPart):
    """Joint velocities [rad/s]."""

    kind: Literal["joint_velocity"]

    field: ClassVar = "velocity"
    unit: ClassVar[str] = "rad/s"

    def follower(self, joints: list[str], period_s: float) -> JointVelocityFollower:
        """How the guard follows it."""
        return JointVelocityFollower(self._places(joints))


class JointPositionPart(JointPart):
    """Joint positions [rad]: where to be, or how far to go in this step."""

    kind: Literal["joint_position"]
    mode: Literal["absolute", "delta"]
    """`delta`: from where the joints are when the proposal comes."""
    reach_s: FiniteFloat | None = Field(default=None, gt=0)
    """A target is approached so that it is reached after so long [s]. Of a delta that is one control period."""

    field: ClassVar = "position"
    unit: ClassVar[str] = "rad"

    @model_validator(mode="after")
    def _check_reach(self) -> "JointPositionPart":
        if (self.mode == "absolute") != (self.reach_s is not None):
            raise Misfit("reach_s is stated with `mode: absolute`, and only there", ("mode",))
        return self

    @property
    def standstill(self) -> tuple[float, ...] | None:
        return None if self.mode == "absolute" else super().standstill

    def follower(self, joints: list[str], period_s: float) -> JointPositionFollower:
        """How the guard follows it; `period_s` is that of the control [s]."""
        return JointPositionFollower(self._places(joints), self.mode == "delta", self.reach_s or period_s)
