"""How a part of a mixture learns to write."""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.core.bounds import Batch, Count, CountOrNone, check_bounds


@dataclass(frozen=True)
class WritingConfig:
    """The sequences of text, or of pictures with text. Travels in checkpoints; a resumed run must agree."""

    batch: Batch = 16
    """Sequences per step."""
    length: Count = 192
    """Tokens of a sequence."""
    learned: CountOrNone = 0
    """At most so many learned tokens in a sequence: what the large table is multiplied with. 0: as many as there are
    tokens."""
    legal_only: bool = False
    """Measure the loss among the pieces of text; else against the whole table, as the paper."""

    def __post_init__(self) -> None:
        check_bounds(self, "")

    @property
    def places(self) -> int:
        """Room for learned tokens in a sequence."""
        return min(self.learned or self.length, self.length)
