"""The gripper's part of an action."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from gato_ros.embodiments.actions.part import JOINT_STATE, ActionPart
from gato_ros.embodiments.base_model import Misfit


class GripperPart(ActionPart):
    """One value: the opening [m], or the position of the gripper's joint [rad]. On the wire it is an opening."""

    kind: Literal["gripper"]
    by: Literal["opening", "joint_position"]

    moves: ClassVar = "gripper"
    message: ClassVar[str] = JOINT_STATE
    field: ClassVar = "position"

    @model_validator(mode="after")
    def _check(self) -> "GripperPart":
        self.check_names(["gripper"], ["m" if self.by == "opening" else "rad"], "by")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return ("gripper",)

    @property
    def standstill(self) -> None:
        return None

    def check_fits(self, joints: list[str], gripper_range_rad: tuple[float, float] | None) -> None:
        if self.by == "joint_position" and gripper_range_rad is None:
            raise Misfit("`by: joint_position` needs gripper.joint_range_rad", ("by",))


def opening_m(position_rad: float, joint_range_rad: tuple[float, float], stroke_m: float) -> float:
    """The opening [m] at a position of the gripper's joint [rad], in a straight line from closed to open.

    Args:
        joint_range_rad: the joint's position when closed and when open, in either order of size.
    """
    closed, opened = joint_range_rad
    return (position_rad - closed) / (opened - closed) * stroke_m


def joint_position_rad(opening: float, joint_range_rad: tuple[float, float], stroke_m: float) -> float:
    """Inverse of `opening_m`."""
    closed, opened = joint_range_rad
    return closed + opening / stroke_m * (opened - closed)
