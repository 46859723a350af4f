"""Who looks, and which one of them commands. One thread."""

from __future__ import annotations

MOST = 12
"""So many browsers at once."""


class Sessions:
    """Browsers by number. One commands, after it has taken the command; it hands over, or leaves, and no other way.

    Args:
        read_only: nobody may command.
    """

    def __init__(self, read_only: bool):
        self.read_only = read_only
        self._next = 0
        self._looking: dict[int, bool] = {}
        self._overlaying: set[int] = set()
        self.commander: int | None = None
        self.asking: int | None = None
        """Who asked the commander for the command."""

    def join(self) -> int | None:
        """A new browser's number; None where there are too many."""
        if len(self._looking) >= MOST:
            return None
        self._next += 1
        self._looking[self._next] = False
        return self._next

    def leave(self, number: int) -> None:
        """It is gone, and with it the command, if it had it."""
        self._looking.pop(number, None)
        self._overlaying.discard(number)
        if self.commander == number:
            self.commander = None
        if self.asking == number:
            self.asking = None

    def look(self, number: int, looking: bool) -> None:
        """Whether somebody sees this browser's page."""
        if number in self._looking:
            self._looking[number] = looking

    def looks(self, number: int) -> bool:
        """Whether this one does."""
        return self._looking.get(number, False)

    @property
    def somebody_looks(self) -> bool:
        """Whether any does."""
        return any(self._looking.values())

    def overlay(self, number: int, on: bool) -> None:
        """Whether this browser wants to see what the policy looks at."""
        if on and number in self._looking:
            self._overlaying.add(number)
        else:
            self._overlaying.discard(number)

    def overlays(self, number: int) -> bool:
        """Whether this one does, and somebody sees it."""
        return number in self._overlaying and self.looks(number)

    @property
    def somebody_overlays(self) -> bool:
        """Whether any does."""
        return any(map(self.overlays, self._overlaying))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._looking)

    def take(self, number: int) -> str:
        """Take the command where nobody has it, else ask for it: taken, asked or read_only."""
        if self.read_only:
            return "read_only"
        if self.commander in (None, number):
            self.commander = number
            self.asking = None if self.asking == number else self.asking
            return "taken"
        self.asking = number
        return "asked"

    def give(self, number: int) -> str:
        """Hand the command to the one who asked, or to nobody: handed, free or not_yours."""
        if self.commander != number or number is None:
            return "not_yours"
        self.commander, self.asking = self.asking, None
        return "free" if self.commander is None else "handed"

    def refusal(self, number: int, verb: str) -> str:
        """Why this browser may not do this; nothing where it may. Everybody may stop, but on a page to read only."""
        if self.read_only:
            return "read_only"
        return "" if verb == "stop" or self.commander == number else "not_in_command"
