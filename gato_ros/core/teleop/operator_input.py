"""What an operator's device reports, and the command it makes: dead man's switch, begin and end of a motion."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gato_ros.core.guard.smoothstep import smoothstep


@dataclass(frozen=True)
class OperatorInput:
    """What an input device reports at one instant. The default is a device that nobody holds."""

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
class OperatorCommand:
    """What the operator commands at this instant."""

    deflection: np.ndarray | None
    """[4] to be proposed; None: the operator is not in command and proposes nothing."""
    at_once: bool
    """It may not wait for the next control tick: something began or ended."""


class DeadMan:
    """Passes a deflection on while the switch is held, eased in from zero over `ramp_s` after every press.

    An operator who takes over stops the arm first, whatever it was doing, and then moves it. An operator who lets go
    commands a standstill at once. One who does not stay either commands it once and then nothing more.
    """

    def __init__(self, ramp_s: float):
        self._ramp_s = ramp_s
        self._pressed_s: float | None = None
        self._claimed = False

    def step(self, given: OperatorInput, now_s: float) -> OperatorCommand:
        """The command at `now_s` [s], on a clock that never jumps."""
        edge = given.held != (self._pressed_s is not None)
        if edge:
            self._pressed_s = now_s if given.held else None
        began_or_ended = given.claims != self._claimed
        self._claimed = given.claims
        if not given.claims and not began_or_ended:
            return OperatorCommand(None, False)
        share = 0.0 if self._pressed_s is None else smoothstep(now_s - self._pressed_s, self._ramp_s)
        return OperatorCommand(given.deflection * share, edge or began_or_ended)
