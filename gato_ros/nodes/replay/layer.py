"""One layer of a replay: how much was compared, what was not and why, and the first difference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Layer:
    """What is compared between two places of the loop."""

    name: str
    what: str
    """In words, for the table."""
    compared: int = 0
    different: int = 0
    first: dict[str, Any] | None = None
    """Of the first difference: at_s before (-) or after the latch, where, recorded, replayed."""
    skipped: Counter = field(default_factory=Counter)
    """Reason -> how many could not be compared."""

    def skip(self, why: str) -> None:
        """One that cannot be compared."""
        self.skipped[why] += 1

    def compare(self, equal: bool, at_s: float, where: str, recorded: Any, replayed: Any) -> None:
        """Note one comparison."""
        self.compared += 1
        if not equal:
            self.different += 1
            if self.first is None:
                self.first = {
                    "at_s": round(at_s, 4),
                    "where": where,
                    "recorded": _shown(recorded),
                    "replayed": _shown(replayed),
                }

    def row(self) -> dict[str, Any]:
        """Its part of the result."""
        return {
            "name": self.name,
            "what": self.what,
            "compared": self.compared,
            "different": self.different,
            "first": self.first,
            "not_compared": dict(self.skipped),
        }


def _shown(value: Any) -> str:
    # Every digit: the difference may be in the last one.
    return str(value.tolist() if isinstance(value, np.ndarray) else value)
