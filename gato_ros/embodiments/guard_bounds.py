"""The contract's section `guard`: bounds that only the guard uses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat, field_validator, model_validator

from gato_ros.embodiments.base_model import Misfit, Strict, ordered


class Singularity(Strict):
    """Smallest singular values of the tool's Jacobian."""

    slow: FiniteFloat = Field(gt=0)
    stop: FiniteFloat = Field(gt=0)

    @model_validator(mode="after")
    def _check(self) -> "Singularity":
        ordered([self.stop], [self.slow], "singularity, stop and slow", ("stop",), ("slow",))
        return self


class Capsule(Strict):
    """All points within a radius of a segment that is fixed in a frame of the URDF."""

    frame: str
    start_m: list[FiniteFloat] = Field(min_length=3, max_length=3)
    end_m: list[FiniteFloat] = Field(min_length=3, max_length=3)
    radius_m: FiniteFloat = Field(gt=0)


class ClearanceGeometry(Strict):
    """What must stay apart, by the capsules' names."""

    distance_m: FiniteFloat = Field(ge=0)
    table_height_m: FiniteFloat
    capsules: dict[str, Capsule] = Field(min_length=1)
    above_table: list[str] = []
    apart: list[tuple[str, str]] = []

    @model_validator(mode="after")
    def _check(self) -> "ClearanceGeometry":
        named = [("above_table", i, name) for i, name in enumerate(self.above_table)]
        named += [("apart", i, name) for i, pair in enumerate(self.apart) for name in pair]
        for key, i, name in named:
            if name not in self.capsules:
                raise Misfit(f"{name!r} is none of the capsules {', '.join(self.capsules)}", (key, i))
        return self


class NeighbourBase(Strict):
    """Where another arm stands: its base frame in this arm's."""

    xyz_m: list[FiniteFloat] = Field(min_length=3, max_length=3)
    rpy_rad: list[FiniteFloat] = Field(min_length=3, max_length=3)
    """Roll, pitch and yaw about fixed axes, as in a URDF."""


class NeighbourArm(Strict):
    """Another arm that reaches into this one's room."""

    contract: str
    """Name of its contract, or path of the file from this contract's folder."""
    base: NeighbourBase
    clearance_m: FiniteFloat = Field(ge=0)
    """Kept free between any two capsules of the two arms."""
    joint_states: str | None = Field(default=None, min_length=1)
    """Topic of its joint states, absolute or relative to its namespace; None: as its contract says."""
    latency_s: FiniteFloat = Field(default=0.02, ge=0, le=0.2)
    """From a command until either arm moves so."""
    speed_m_s: FiniteFloat | None = Field(default=None, gt=0)
    """None: its contract names this arm, and its guard yields as well. Else nothing makes it yield, and this is the
    largest speed of a point of it."""


class BaseBounds(Strict):
    """Of each axis of the base, in the order of the action's part: m/s or rad/s, and per second."""

    speed: list[Annotated[FiniteFloat, Field(gt=0)]]
    acceleration: list[Annotated[FiniteFloat, Field(gt=0)]]
    """Of a motion that is followed, also where it becomes slower."""
    deceleration: list[Annotated[FiniteFloat, Field(gt=0)]]
    """Of a stop."""
    arm_speed_rad_s: FiniteFloat | None = Field(default=None, gt=0)
    """The base stops while a joint of the arm is faster; None: both may move together."""


class GuardBounds(Strict):
    """What only the guard uses: it changes what the arm may do, and no recorded number."""

    linear_jerk_m_s3: FiniteFloat = Field(gt=0)
    angular_jerk_rad_s3: FiniteFloat = Field(gt=0)
    joint_acceleration_rad_s2: list[Annotated[FiniteFloat, Field(gt=0)]]
    singularity: Singularity
    clearance: ClearanceGeometry | None = None
    neighbours: dict[Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]*$")], NeighbourArm] | None = Field(
        default=None, min_length=1
    )
    """Name -> another arm; None: there is none."""
    base: BaseBounds | None = None
    """Of the mobile base that an action moves; None: the arm stands on the floor."""

    @field_validator("clearance")
    @classmethod
    def _not_switched_off(cls, given: ClearanceGeometry | None) -> ClearanceGeometry | None:
        # Only what is written comes here: a contract without geometry leaves the section out.
        if given is None:
            raise Misfit("nothing would keep the arm off itself and the table; take the key out")
        return given

    @model_validator(mode="after")
    def _check(self) -> "GuardBounds":
        if self.neighbours is not None and self.clearance is None:
            raise Misfit("other arms are kept off by guard.clearance.capsules; it is missing", ("neighbours",))
        return self
