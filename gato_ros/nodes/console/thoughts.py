"""What the policy thought over the last seconds, numbered: every browser gets what it has not yet got."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KEEP_S = 10.0
PER_ACTION = ("token", "probability", "entropy_nat")
LATENCIES = ("assemble", "tokenise", "forward", "publish")


@dataclass(frozen=True)
class Thought:
    """One control step."""

    number: int
    received_s: float
    token: tuple[float | None, ...]
    """[actions]; None of a policy without tokens, as with the next two."""
    probability: tuple[float | None, ...]
    entropy_nat: tuple[float | None, ...]
    latency_ms: tuple[float | None, ...]
    """As LATENCIES."""
    held: bool
    """Whether it was not proposed, since the policy was too uncertain."""


def finite(values: Iterable[float]) -> tuple[float | None, ...]:
    """Values as JSON can carry them: None for NaN and infinities."""
    return tuple(round(float(value), 4) if math.isfinite(value) else None for value in values)


class Thoughts:
    """Of the last ten seconds."""

    def __init__(self) -> None:
        self._kept: deque[Thought] = deque()
        self._number = 0

    def add(self, labels: Sequence[tuple[str, int]], data: Sequence[float], now_s: float) -> bool:
        """Keep a step of `policy_node/introspection`; False where a part is missing, or the sizes do not fit.

        Args:
            labels: name and size of each part of `data`, end to end.
        """
        parts, first = {}, 0
        for name, size in labels:
            parts[name] = data[first : first + size]
            first += size
        if first != len(data) or not {*PER_ACTION, "latency_ms", "held"} <= set(parts):
            return False
        if len(parts["latency_ms"]) != len(LATENCIES) or len({len(parts[name]) for name in PER_ACTION}) != 1:
            return False
        self._number += 1
        columns = [finite(parts[name]) for name in (*PER_ACTION, "latency_ms")]
        self._kept.append(Thought(self._number, now_s, *columns, bool(parts["held"] and parts["held"][0] == 1.0)))
        self._forget(now_s)
        return True

    def _forget(self, now_s: float) -> None:
        while self._kept and now_s - self._kept[0].received_s > KEEP_S:
            self._kept.popleft()

    def after(self, number: int, now_s: float) -> list[Thought]:
        """The steps of the last ten seconds after this number, the oldest first."""
        self._forget(now_s)
        return [thought for thought in self._kept if thought.number > number]

    def total_ms(self, now_s: float) -> list[float]:
        """What each step took in all [ms]."""
        self._forget(now_s)
        return [sum(value or 0.0 for value in thought.latency_ms) for thought in self._kept]
