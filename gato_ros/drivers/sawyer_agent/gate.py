"""What reaches the arm, and when it gets zero."""

from __future__ import annotations

import math

from .frames import VELOCITY_MODE, Motion

TICK_S = 0.01
LONGEST_VALID_NS = 200000000
"""No command may be valid for longer, whatever it says."""
ZEROS = 10
"""How often zero is said when a motion ends; then silence, and the robot holds its position by its own timeout."""
SPEED_LIMITS = {
    "right_j0": 1.74,
    "right_j1": 1.328,
    "right_j2": 1.957,
    "right_j3": 1.957,
    "right_j4": 3.485,
    "right_j5": 3.485,
    "right_j6": 4.545,
}
"""[rad/s], from the robot's URDF."""
SPEED_ALLOWANCE = 1.01


class Gate:
    """Which commands reach the arm, and when it gets zero. Pure: time [ns] and conditions are arguments."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        self.serve(joints)
        self.refused, self.last_refusal, self.stops = 0, "", 0
        self._begun, self._moving, self._valid_until_ns, self._zeros = False, False, 0, 0

    def serve(self, joints: tuple[str, ...]) -> None:
        """Velocities come in this order from now on, and are not taken before `arm`."""
        self._limits = [SPEED_ALLOWANCE * SPEED_LIMITS[name] for name in joints]
        self.fault = "not enabled"

    @property
    def armed(self) -> bool:
        return not self.fault

    def arm(self) -> None:
        """Take commands from now on, the first of them zero."""
        self.fault, self._begun = "", False

    def disarm(self, why: str) -> None:
        """Zero at once, and nothing more until `arm`. The first reason is kept."""
        if self.armed:
            self.rest()
            self._zeros = ZEROS
            self.fault = f"{why}; enable again"

    def rest(self) -> None:
        """Zero at once. What comes next may move the arm again, if it might have before."""
        if self._moving:
            self._moving, self._zeros, self.stops = False, ZEROS, (self.stops + 1) % 2**32

    def refuse(self, why: str) -> None:
        self.refused = (self.refused + 1) % 2**32
        self.last_refusal = why

    def take(self, motion: Motion, now_ns: int) -> bool:
        """Whether this command goes to the arm."""
        why = self._why_not(motion, now_ns)
        if why:
            self.refuse(why)
            return False
        self._begun, self._zeros = True, 0
        self._moving, self._valid_until_ns = any(motion.velocity), motion.valid_until_ns
        return True

    def _why_not(self, motion: Motion, now_ns: int) -> str | None:
        if motion.mode != VELOCITY_MODE:
            return f"command mode {motion.mode}: only velocities are taken (mode {VELOCITY_MODE})"
        if len(motion.velocity) != len(self._limits):
            return f"{len(motion.velocity)} velocities for {len(self._limits)} joints"
        if not all(math.isfinite(value) for value in motion.velocity):
            return "a velocity is not finite"
        if any(abs(value) > limit for value, limit in zip(motion.velocity, self._limits)):
            return "a joint faster than its limit"
        late = self.late(motion.valid_until_ns, now_ns)
        if late or self.fault:
            return late or self.fault
        return "a motion begins with a standstill" if any(motion.velocity) and not self._begun else None

    @staticmethod
    def late(valid_until_ns: int, now_ns: int) -> str | None:
        """Why a command with this deadline is not to be carried out now, or None."""
        if now_ns > valid_until_ns:
            return f"late by {(now_ns - valid_until_ns) * 1e-6:.0f} ms"
        return "a deadline too far ahead" if valid_until_ns > now_ns + LONGEST_VALID_NS else None

    def tick(self, now_ns: int) -> bool:
        """Whether zero is to be said now."""
        if self._moving and now_ns > self._valid_until_ns:
            self.rest()
        due = self._zeros > 0
        self._zeros -= due
        return due
