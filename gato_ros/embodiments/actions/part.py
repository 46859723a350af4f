"""What every part of an action states: its values with units and ranges, and the topic that it is proposed on."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, FiniteFloat, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict, ordered

TWIST_STAMPED = "geometry_msgs/msg/TwistStamped"
JOINT_STATE = "sensor_msgs/msg/JointState"


class ActionPart(Strict):
    """A group of action values with their range; `binary` snaps each to the nearer bound."""

    # In this order: digests of contracts are made of them.
    units: list[str] = Field(min_length=1)
    lower: list[FiniteFloat]
    upper: list[FiniteFloat]
    binary: bool = False
    topic: str | None = Field(default=None, min_length=1)
    """Where a policy proposes it; None: the topic of the section `wire` for this kind."""

    moves: ClassVar[Literal["arm", "gripper", "base"]] = "arm"
    message: ClassVar[str]
    """Type of the message that proposes it."""
    field: ClassVar[Literal["twist", "velocity", "position"]]
    """What of that message holds the values."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each value is, in the order of the values: components of a twist, or joints."""
        raise NotImplementedError

    @property
    def standstill(self) -> tuple[float, ...] | None:
        """Values that ask for no motion; None where only the robot's own state says which."""
        return (0.0,) * len(self.lower)

    def check_fits(self, joints: list[str], gripper_range_rad: tuple[float, float] | None) -> None:
        """Misfit where a robot with these joints, and that range of its gripper's joint, cannot be commanded so."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _check_ranges(self) -> "ActionPart":
        ordered(self.lower, self.upper, "action")
        if len(self.units) != len(self.lower):
            raise Misfit(f"{len(self.lower)} values need as many units, got {len(self.units)}", ("units",))
        return self

    def check_names(self, names: list[str], units: list[str], key: str) -> None:
        """Misfit unless there is one value and the right unit for each of the different `names` of the key `key`."""
        if twice := [name for i, name in enumerate(names) if name in names[:i]]:
            raise Misfit(f"{twice[0]} twice", (key,))
        if len(names) != len(self.lower):
            raise Misfit(f"{len(names)} of {key} for {len(self.lower)} values", (key,))
        if self.units != units:
            raise Misfit(
                f"the units of {', '.join(names)} are {', '.join(units)}, got {', '.join(self.units)}", ("units",)
            )
