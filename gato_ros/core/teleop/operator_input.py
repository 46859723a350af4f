"""What a person's hand says, and what of it counts: the dead man's switch, and how a motion begins and ends."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gato_ros.core.guard.smoothstep import eased


@dataclass(frozen=True)
class Hand:
    """What an input device says at one instant; as it is made, that of a hand that does nothing."""

    deflection: np.ndarray = field(default_factory=lambda: np.zeros(4))
    """[4] forward, left, up, turn to the left: each in [-1, 1], 1 is full speed."""
    held: bool = False
    """The dead man's switch: without it nothing moves."""
    stays: bool = False
    """Nothing is held, but the arm is kept for a while, at a standstill."""
    opening_m: float | None = None
    """Wanted gripper opening [m], from a device that knows one."""

    @property
    def claims(self) -> bool:
        """Whether the person wants to be in command."""
        return self.held or self.stays


@dataclass(frozen=True)
class Turn:
    """What of it counts at this instant."""

    deflection: np.ndarray | None
    """[4] to be proposed; None: the person is not in command and says nothing."""
    at_once: bool
    """It may not wait for the next control tick: something began or ended."""


class DeadMan:
    """Passes a deflection on while the switch is held, eased in from zero over `ramp_s` after every press.

    A hand that takes over stops the arm first, whatever it was doing, and then moves it. A hand that lets go asks for a
    standstill at once; when it does not stay either, that one word is its last.
    """

    def __init__(self, ramp_s: float):
        self._ramp_s = ramp_s
        self._pressed_s: float | None = None
        self._claimed = False

    def step(self, hand: Hand, now_s: float) -> Turn:
        """What counts at `now_s` [s], on a clock that never jumps."""
        edge = hand.held != (self._pressed_s is not None)
        if edge:
            self._pressed_s = now_s if hand.held else None
        began_or_ended = hand.claims != self._claimed
        self._claimed = hand.claims
        if not hand.claims and not began_or_ended:
            return Turn(None, False)
        share = 0.0 if self._pressed_s is None else eased(now_s - self._pressed_s, self._ramp_s)
        return Turn(hand.deflection * share, edge or began_or_ended)
