"""The range of a number that a user gives, beside its type: `steps: Annotated[int, Within(1, 100)]`."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator
from typing import Annotated, Any

from gato_ros.core.errors import SetupError


@dataclasses.dataclass(frozen=True)
class Within:
    """From `lower` to `upper`; an open end is not part of it."""

    lower: float
    upper: float
    open_below: bool = False
    open_above: bool = False
    as_interval: bool = False
    """Say both ends, where both mean something."""

    def missed(self, value: float) -> str | None:
        """What `value` would have to be, in words; None where it is inside. NaN never is."""
        low = value < self.lower or (self.open_below and value == self.lower)
        high = value > self.upper or (self.open_above and value == self.upper)
        if not (low or high or math.isnan(value)):
            return None
        lower, upper = (int(end) if end == int(end) else end for end in (self.lower, self.upper))
        if self.as_interval:
            return f"in {'(' if self.open_below else '['}{lower}, {upper}{')' if self.open_above else ']'}"
        if high:
            return f"{'below' if self.open_above else 'of at most'} {upper}"
        return f"{'above' if self.open_below else 'of at least'} {lower}"


LARGEST_SEED = 2**31 - 1
LARGEST_COUNT = 10**9
Count = Annotated[int, Within(1, LARGEST_COUNT)]
"""How many there are, of what there has to be one."""
CountOrNone = Annotated[int, Within(0, LARGEST_COUNT)]
"""How many there are; 0 means something of its own."""
Seed = Annotated[int, Within(0, LARGEST_SEED, as_interval=True)]
Episodes = Annotated[int, Within(1, 10**6)]
"""As `Count`, of what a list is made."""
Batch = Annotated[int, Within(1, 10**6)]
Clips = Annotated[int, Within(1, 64)]
"""Films side by side: more do not fit on a screen."""
Processes = Annotated[int, Within(1, 4096)]
ProcessesOrNone = Annotated[int, Within(0, 4096)]
Positive = Annotated[float, Within(0, 1e9, open_below=True)]
NotNegative = Annotated[float, Within(0, 1e9)]
Share = Annotated[float, Within(0, 1, as_interval=True)]
ShareAboveZero = Annotated[float, Within(0, 1, open_below=True, as_interval=True)]
ShareBelowOne = Annotated[float, Within(0, 1, open_above=True, as_interval=True)]
ANY = {int: Within(-(2**63), 2**63 - 1), float: Within(-1e12, 1e12)}
"""Of a number that says nothing else: finite, and no larger than numpy can hold."""


def check_seeds(seed: int, episodes: int) -> None:
    """SetupError where the last of `episodes` seeds, counted up from `seed`, would be above the largest."""
    if not 0 <= seed <= LARGEST_SEED - episodes:
        raise SetupError(expected=f"--seed in [0, {LARGEST_SEED - episodes}]", got=str(seed), fix="choose another seed")


def check_bounds(config: Any, prefix: str = "--") -> None:
    """Refuse the first number of a dataclass, and of the dataclasses in it, that is outside its range.

    Args:
        prefix: before the name of a field in the message; `_` becomes `-` after `--`.

    Raises:
        SetupError: NaN, infinite, too small or too large.
    """
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            check_bounds(value, f"{name}.")
            continue
        bounds = next(_bounds(hints[field.name]), None)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, bool) or not isinstance(one, (int, float)):
                continue
            wanted = (bounds or ANY[type(one)]).missed(one)
            if wanted:
                shown = name.replace("_", "-") if name.startswith("--") else name
                raise SetupError(expected=f"{shown} {wanted}", got=_short(one), fix="give another number")


def _bounds(hint: Any) -> Iterator[Within]:
    """The ranges in a type, wherever they stand: of the whole, of a choice, of the members of a tuple."""
    yield from (one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Within))
    for part in typing.get_args(hint):
        yield from _bounds(part)


def _short(number: float) -> str:
    text = str(number)
    return text if len(text) <= 24 else f"a number of {len(text)} digits"
