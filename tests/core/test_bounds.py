"""Numbers outside their range are refused by name, wherever they stand in a dataclass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated

import pytest

from gato_ros.core.bounds import Count, Seed, ShareBelowOne, Within, check_bounds
from gato_ros.core.errors import SetupError


@dataclass(frozen=True)
class Inner:
    share: ShareBelowOne = 0.5


@dataclass(frozen=True)
class Numbers:
    count: Count = 1
    few: tuple[Annotated[int, Within(2, 9)], ...] = ()
    maybe: Count | None = None
    seed: Seed = 0
    free: float = 0.0
    on: bool = False
    max_steps: int = 0
    inner: Inner = field(default_factory=Inner)


def test_what_is_in_range_passes():
    check_bounds(Numbers(few=(2, 9), maybe=3, free=-1e6, on=True, inner=Inner(0.0)))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"count": 0}, "--count of at least 1"),
        ({"count": 10**40}, "--count of at most .*41 digits"),
        ({"few": (2, 1)}, "--few of at least 2"),
        ({"few": (10,)}, "--few of at most 9"),
        ({"maybe": -1}, "--maybe of at least 1"),
        ({"seed": -1}, r"--seed in \[0, 2147483647\]"),
        ({"free": math.nan}, "--free"),
        ({"free": math.inf}, "--free of at most"),
        ({"max_steps": 2**64}, "--max-steps of at most"),
        ({"inner": Inner(1.0)}, r"--inner.share in \[0, 1\)"),
        ({"inner": Inner(math.nan)}, r"--inner.share in \[0, 1\)"),
    ],
)
def test_what_is_outside_is_named(change, words):
    with pytest.raises(SetupError, match=words):
        check_bounds(replace(Numbers(), **change))
