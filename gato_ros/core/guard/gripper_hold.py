"""The opening that the gripper is commanded: inside its stroke, and without chatter."""

from __future__ import annotations

import math


class GripperHold:
    """Keeps the last accepted opening; a turn round has to wait until the last one is `dwell_s` old."""

    def __init__(self, stroke_m: float, dwell_s: float):
        self._stroke_m, self._dwell_s = stroke_m, dwell_s
        self.opening_m: float | None = None
        """What the gripper holds [m]; None until the first accepted one."""
        self._direction, self._turned_s = 0, -math.inf

    def follow(self, wanted_m: float, now_s: float) -> tuple[str, ...]:
        """Accept a finite opening [m], brought inside the stroke; returns what was held back."""
        opening_m = min(max(wanted_m, 0.0), self._stroke_m)
        limits = () if opening_m == wanted_m else ("gripper",)
        before_m = opening_m if self.opening_m is None else self.opening_m
        direction = (opening_m > before_m) - (opening_m < before_m)
        if direction and direction != self._direction:
            if 0.0 <= now_s - self._turned_s < self._dwell_s:
                return (*limits, "gripper_dwell")
            self._direction, self._turned_s = direction, now_s
        self.opening_m = opening_m
        return limits
