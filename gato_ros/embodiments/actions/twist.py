"""An arm that is moved by the velocity of its tool point."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from gato_ros.core.guard.following.twist import COMPONENTS, TwistFollower
from gato_ros.embodiments.actions.part import TWIST_STAMPED, ActionPart
from gato_ros.embodiments.base_model import Misfit

Component = Literal["vx", "vy", "vz", "wx", "wy", "wz"]
ALL_SIX = 6
"""A rigid body has so many ways to move; an arm with fewer joints cannot hold still what it is not told."""


class TwistPart(ActionPart):
    """Any components of the tool point's velocity, along the axes of the base or of the tool."""

    kind: Literal["twist"]
    components: list[Component] = Field(min_length=1)
    """In the order of the values: linear [m/s], and rotations about the axes [rad/s]."""
    frame: Literal["base", "tool"]
    """Whose axes. The point that moves is the tool's in both."""
    others: Literal["down", "held", "free"]
    """What becomes of components that are not listed. `down`: the tool points at the floor, nothing else moves;
    `held`: they are zero; `free`: as the listed ones and the joints have it."""

    message: ClassVar[str] = TWIST_STAMPED
    field: ClassVar = "twist"

    @model_validator(mode="after")
    def _check(self) -> "TwistPart":
        self.check_names(
            list(self.components), ["m/s" if name[0] == "v" else "rad/s" for name in self.components], "components"
        )
        if self.others == "down" and {"wx", "wy"} & set(self.components):
            raise Misfit("`others: down` holds wx and wy: take them out, or write `others: held`", ("others",))
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.components)

    @property
    def tilts(self) -> bool:
        """Whether the tool's tilt may change by it."""
        return self.others == "free" or bool({"wx", "wy"} & set(self.components))

    def check_fits(self, joints: list[str], gripper_range_rad: tuple[float, float] | None) -> None:
        if len(joints) < ALL_SIX and self.others != "free":
            raise Misfit(
                f"{len(joints)} joints cannot hold what is not listed: write `others: free`, and list "
                f"{len(joints)} components or fewer",
                ("others",),
            )
        if len(self.components) > len(joints):
            raise Misfit(f"{len(joints)} joints cannot follow {len(self.components)} components", ("components",))

    def follower(self, joints: list[str], period_s: float) -> TwistFollower:
        """How the guard follows it."""
        return TwistFollower(
            np.array([COMPONENTS.index(name) for name in self.components]), self.frame == "tool", self.others
        )
