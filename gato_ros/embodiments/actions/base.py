"""The part of an action that drives a mobile base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gato_ros.core.errors import SetupError
from gato_ros.embodiments.actions.part import TWIST_STAMPED, ActionPart
from gato_ros.embodiments.base_model import Misfit
from gato_ros.embodiments.guard_bounds import GuardBounds

Axis = Literal["vx", "vy", "wz"]
PROPOSAL, COMMAND = "proposal/base", "command/base"
"""Topics of a contract that names no others."""


class PlanarBasePart(ActionPart):
    """Velocity of a base that drives on the floor, along its own axes; what is not listed is zero."""

    kind: Literal["planar_base"]
    axes: list[Axis] = Field(min_length=1)
    """In the order of the values: forwards, to the left [m/s], and the turn to the left [rad/s]."""
    frame_id: str = Field(min_length=1)
    """The base's own frame, which every twist of proposals and commands names."""

    moves: ClassVar = "base"
    message: ClassVar[str] = TWIST_STAMPED
    field: ClassVar = "twist"

    @model_validator(mode="after")
    def _check(self) -> "PlanarBasePart":
        self.check_names(list(self.axes), ["rad/s" if name == "wz" else "m/s" for name in self.axes], "axes")
        for name, values, sign in (("lower", self.lower, -1), ("upper", self.upper, 1)):
            if wrong := [axis for axis, value in zip(self.axes, values) if value * sign < 0]:
                raise Misfit(f"{wrong[0]} has no zero between lower and upper: a base has to be able to stand", (name,))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.axes)

    def check_fits(self, joints: list[str], gripper_range_rad: tuple[float, float] | None) -> None:
        """A base fits every arm."""


def demand_no_base(robot: str, parts: Mapping[str, ActionPart], what: str) -> None:
    """SetupError where the action of the contract `robot` moves a base, which `what` does not know."""
    if found := [key for key, part in parts.items() if part.moves == "base"]:
        raise SetupError(
            expected=f"a contract without a part of kind planar_base for {what}",
            got=f"{found[0]} in {robot}",
            fix="use a contract of the arm alone; docs/how-to/mobile_base.md says what takes a base",
        )


def check_base(parts: Mapping[str, ActionPart], guard: GuardBounds, command: str | None, simulated: bool) -> None:
    """Whether what a contract says of a base in its sections belongs together.

    Args:
        command: wire.base_command.
        simulated: whether there is a section `simulation`.

    Raises:
        Misfit: it does not.
    """
    bounds = guard.base
    found = [(key, part) for key, part in parts.items() if isinstance(part, PlanarBasePart)]
    if not found:
        stated = {("guard", "base"): bounds, ("wire", "base_command"): command}
        if ways := [way for way, value in stated.items() if value is not None]:
            raise Misfit("no part of the action has kind planar_base: nothing would move a base", *ways)
        return
    ((key, part),) = found
    if bounds is None:
        raise Misfit(
            "guard.base says how fast the base may be and become, where an action moves it; it is missing",
            ("actions", key),
        )
    for name in ("speed", "acceleration", "deceleration"):
        if len(values := getattr(bounds, name)) != len(part.axes):
            raise Misfit(f"one value for each of {', '.join(part.axes)}, got {len(values)}", ("guard", "base", name))
    if guard.neighbours is not None:
        raise Misfit("other arms are kept off by where they stand from this one, which drives", ("actions", key))
    if simulated:
        raise Misfit("the simulator has no mobile base: write `simulation: null`", ("actions", key))
