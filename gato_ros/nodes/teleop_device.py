"""What every input device of teleop_node offers."""

from __future__ import annotations

from typing import Protocol

from gato_ros.core.hand import Hand


class Device(Protocol):
    """One way for an operator to say what the arm should do. All calls come from one thread."""

    def hand(self, now_s: float) -> Hand:
        """What the hand says at `now_s` [s] on the steady clock; one that does nothing where the device is silent."""

    def orders(self, now_s: float) -> list[str]:
        """What was asked for since the last call: gripper, faster, start and so on."""

    def fault(self, now_s: float) -> str | None:
        """Why no hand can be there, in words, or None."""

    def close(self) -> None:
        """Leave everything as it was found; safe to call twice."""
