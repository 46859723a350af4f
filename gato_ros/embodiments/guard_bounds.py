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


class GuardBounds(Strict):
    """What only the guard uses: it changes what the arm may do, and no recorded number."""

    linear_jerk_m_s3: FiniteFloat = Field(gt=0)
    angular_jerk_rad_s3: FiniteFloat = Field(gt=0)
    joint_acceleration_rad_s2: list[Annotated[FiniteFloat, Field(gt=0)]]
    singularity: Singularity
    clearance: ClearanceGeometry | None = None

    @field_validator("clearance")
    @classmethod
    def _not_switched_off(cls, given: ClearanceGeometry | None) -> ClearanceGeometry | None:
        # Only what is written comes here: a contract without geometry leaves the section out.
        if given is None:
            raise Misfit("nothing would keep the arm off itself and the table; take the key out")
        return given
