"""What can be wrong with an episode, and what it forbids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

TRAINING, EXPORT = "training", "export"
_BOTH = frozenset({TRAINING, EXPORT})
FORBIDS: dict[str, frozenset[str]] = {
    # Nothing true can be learned from it or written of it.
    "unreadable": _BOTH,
    "schema": _BOTH,
    "contract": _BOTH,
    "not_finite": _BOTH,
    "label_range": _BOTH,
    "image_size": _BOTH,
    "misaligned": _BOTH,
    "order": _BOTH,
    # An export plays at the rate that was measured; a model learns for the contract's.
    "rate": frozenset({TRAINING}),
    # A single step teaches what it teaches; in an exported file, time runs evenly.
    "dropped": frozenset({EXPORT}),
    "uneven": frozenset({EXPORT}),
    # Worth knowing.
    "pictures": frozenset(),
    "value_range": frozenset(),
    "executed_range": frozenset(),
    "sensor": frozenset(),
    "clock": frozenset(),
    "skew": frozenset(),
    "digest": frozenset(),
    "unknown_contract": frozenset({EXPORT}),
    "label": frozenset(),
}
"""Kind of problem -> what nobody should do with such an episode (docs/how-to/episodes.md)."""
SHOWN = 5
"""Of what repeats, so many are shown with their numbers."""


@dataclass(frozen=True)
class Problem:
    """One finding about one episode."""

    kind: str
    """A key of FORBIDS."""
    text: str
    """What is wrong, with channel and steps; one line."""
    channel: str = ""
    steps: tuple[int, ...] = ()
    """Where, at most SHOWN of them; empty where it is about the whole."""

    def forbids(self, use: str) -> bool:
        """Whether it forbids TRAINING or EXPORT."""
        return use in FORBIDS[self.kind]


@dataclass
class Repeated:
    """One thing that is wrong at several steps of a channel."""

    kind: str
    channel: str
    what: str
    steps: list[int] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def add(self, step: int, detail: str = "") -> None:
        """It is so at this step; of the first ones the detail is kept."""
        self.steps.append(step)
        if detail and len(self.details) < SHOWN:
            self.details.append(f"step {step}: {detail}")

    def problem(self) -> Problem:
        """All of it in one line."""
        text = f"{self.channel}: {self.what} at {counted(self.steps)}"
        if self.details:
            text += f" ({'; '.join(self.details)}{' ...' if len(self.steps) > len(self.details) else ''})"
        return Problem(self.kind, text, self.channel, tuple(self.steps[:SHOWN]))


def counted(steps: Iterable[int]) -> str:
    """`3 steps: 2, 5-6`."""
    steps = sorted(set(steps))
    return f"{len(steps)} step{'s' * (len(steps) != 1)}: {spans(steps)}"


def spans(numbers: Sequence[int], most: int = 8) -> str:
    """`2, 5-7` for 2 5 6 7; what is beyond `most` parts is left out."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][-1] = number
        else:
            parts.append([number, number])
    shown = [f"{first}-{last}" if last > first else str(first) for first, last in parts[:most]]
    return ", ".join(shown) + (" ..." if len(parts) > most else "")
