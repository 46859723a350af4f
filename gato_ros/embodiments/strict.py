"""How every part of a contract is checked."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen, and no key that it does not know."""

    # ignored_types: cached_property results live in the instance, which a frozen model allows.
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


def ordered(lower: list[float], upper: list[float], what: str) -> None:
    """ValueError, in the words of `what`, unless each lower value is below its upper one."""
    if len(lower) != len(upper) or any(lo >= hi for lo, hi in zip(lower, upper)):
        raise ValueError(f"{what}: lower must be below upper, value for value; got {lower} and {upper}")
