"""Work that waits for the time that control leaves."""

from __future__ import annotations

from typing import Protocol


class Piecework(Protocol):
    """Work in pieces, each done between two actions. Used by the thread that acts."""

    @property
    def waiting(self) -> bool:
        """Whether there is work."""

    def fits(self, left_s: float) -> bool:
        """Whether there is work, and the next piece of it ends well before so many seconds are over."""

    def work(self) -> None:
        """Do one piece."""


class Slack:
    """Several of them: the first one whose next piece fits gets the time."""

    def __init__(self, *works: Piecework):
        self._works = works
        self._chosen: Piecework | None = None

    @property
    def waiting(self) -> bool:
        """Whether there is work."""
        return any(one.waiting for one in self._works)

    def fits(self, left_s: float) -> bool:
        """Whether a piece of any of them fits: the one that `work` does next."""
        self._chosen = next((one for one in self._works if one.fits(left_s)), None)
        return self._chosen is not None

    def work(self) -> None:
        """Do one piece: the one that fitted, or where there is no hurry that of the first one that has work."""
        chosen, self._chosen = self._chosen, None
        chosen = chosen or next((one for one in self._works if one.waiting), None)
        if chosen is not None:
            chosen.work()
