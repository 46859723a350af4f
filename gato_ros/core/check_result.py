"""One thing that was looked at before a robot may move, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["green", "yellow", "red"]


@dataclass(frozen=True)
class Finding:
    """A row of the doctor's table."""

    what: str
    """What was looked at."""
    level: Level
    """Green: as it should be. Yellow: it works, and somebody should know. Red: no motion like this."""
    found: str
    """What there is, with figures."""
    fix: str = ""
    """What to do; nothing where it is green."""
    unusable: bool = False
    """Nothing can be made of what was looked at: neither an observation now nor a recording for later."""


def green(what: str, found: str) -> Finding:
    return Finding(what, "green", found)


def yellow(what: str, found: str, fix: str) -> Finding:
    return Finding(what, "yellow", found, fix)


def red(what: str, found: str, fix: str, unusable: bool = False) -> Finding:
    return Finding(what, "red", found, fix, unusable)
