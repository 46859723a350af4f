"""The last seconds of many streams in memory, bounded in time and in bytes."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple


class Kept(NamedTuple):
    """One message as it came off the wire."""

    received_s: float
    """On the steady clock."""
    stamp_ns: int
    """Receipt on the wall clock."""
    topic: str
    data: bytes
    """In CDR."""


class Ring:
    """Keeps what is younger than `seconds`, and of that the newest `most_bytes`. One thread."""

    def __init__(self, seconds: float, most_bytes: int):
        self._seconds, self._most_bytes = seconds, most_bytes
        self._kept: deque[Kept] = deque()
        self.bytes = 0
        """Held now."""
        self.crowded_out: Counter[str] = Counter()
        """Topic -> messages that had to go before their time, for want of room."""

    def add(self, received_s: float, stamp_ns: int, topic: str, data: bytes) -> None:
        """Keep a message; receipts do not go back."""
        self._kept.append(Kept(received_s, stamp_ns, topic, data))
        self.bytes += len(data)
        while self._kept and self._kept[0].received_s < received_s - self._seconds:
            self._drop()
        while self.bytes > self._most_bytes:
            self.crowded_out[self._drop().topic] += 1

    def _drop(self) -> Kept:
        oldest = self._kept.popleft()
        self.bytes -= len(oldest.data)
        return oldest

    def span_s(self) -> float:
        """From the oldest to the newest [s]."""
        return self._kept[-1].received_s - self._kept[0].received_s if self._kept else 0.0

    def copy(self) -> list[Kept]:
        """What is held now, oldest first; the messages themselves are shared."""
        return list(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
