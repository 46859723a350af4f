"""The operators of a channel, as a contract's YAML says them."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field, FiniteFloat, model_validator

from gato_ros.core.sensing import operators
from gato_ros.embodiments.base_model import Misfit, Strict

Amount = Union[FiniteFloat, list[FiniteFloat]]


def _amount(by: Amount) -> float | tuple[float, ...]:
    return tuple(by) if isinstance(by, list) else by


class ScaleOperation(Strict):
    """Times `by`: one number for all values, or one for each."""

    kind: Literal["scale"]
    by: Amount

    @model_validator(mode="after")
    def _check(self) -> "ScaleOperation":
        if 0 in (self.by if isinstance(self.by, list) else [self.by]):
            raise Misfit("a factor of 0 has no inverse", ("by",))
        return self

    @property
    def operator(self) -> operators.Operator:
        return operators.Scale(_amount(self.by))


class OffsetOperation(Strict):
    """Plus `by`: one number for all values, or one for each."""

    kind: Literal["offset"]
    by: Amount

    @property
    def operator(self) -> operators.Operator:
        return operators.Offset(_amount(self.by))


class DegreesOperation(Strict):
    """From radians to degrees."""

    kind: Literal["degrees"]

    @property
    def operator(self) -> operators.Operator:
        return operators.Degrees()


class RadiansOperation(Strict):
    """From degrees to radians."""

    kind: Literal["radians"]

    @property
    def operator(self) -> operators.Operator:
        return operators.Radians()


class ClampOperation(Strict):
    """Into a range."""

    kind: Literal["clamp"]
    lower: FiniteFloat
    upper: FiniteFloat

    @model_validator(mode="after")
    def _check(self) -> "ClampOperation":
        if not self.lower < self.upper:
            raise Misfit(f"lower must be below upper, got {self.lower:g} and {self.upper:g}", ("lower",), ("upper",))
        return self

    @property
    def operator(self) -> operators.Operator:
        return operators.Clamp(self.lower, self.upper)


Operation = Annotated[
    Union[ScaleOperation, OffsetOperation, DegreesOperation, RadiansOperation, ClampOperation],
    Field(discriminator="kind"),
]


def amounts(operation: Operation) -> int | None:
    """For how many values an operation is written; None: for any number."""
    by = getattr(operation, "by", None)
    return len(by) if isinstance(by, list) else None
