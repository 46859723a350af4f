"""How every part of a contract is checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen, and no key that it does not know."""

    # ignored_types: cached_property results live in the instance, which a frozen model allows.
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Misfit(ValueError):
    """Values of a section that do not fit each other, or their robot.

    Args:
        what: in words.
        at: the ways to these values, from the section on; their lines are named in the error that the user sees.
    """

    def __init__(self, what: str, *at: tuple[Any, ...]):
        super().__init__(what)
        self.at = at


@contextmanager
def misfits_at(*keys: Any) -> Iterator[None]:
    """A Misfit that is raised within is one of the section at `keys`."""
    try:
        yield
    except Misfit as misfit:
        raise Misfit(str(misfit), *((*keys, *way) for way in misfit.at or ((),))) from None


def ordered(lower: list[float], upper: list[float], what: str, *at: tuple[Any, ...]) -> None:
    """Misfit, in the words of `what`, unless each lower value is below its upper one.

    Args:
        at: as those of Misfit, where the two are not called `lower` and `upper`.
    """
    if len(lower) != len(upper) or any(lo >= hi for lo, hi in zip(lower, upper)):
        places = at or (("lower",), ("upper",))
        raise Misfit(f"{what}: lower must be below upper, value for value; got {lower} and {upper}", *places)
