"""A robot without physics: joints that follow every command exactly, for tests and for `robot:=mock`."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from concurrent.futures import Future

import numpy as np

from gato_ros.core.driver import GripperSample, JointSample, Now, RobotReport, answered, refusal
from gato_ros.embodiments import Embodiment

STEP_S = 0.01
"""A new sample so often [s], as the Sawyer has them."""


class MockDriver:
    """Integrates velocities between joint limits; time is the caller's. Everything `RobotDriver` promises holds."""

    def __init__(self, robot: Embodiment, now: Now = time.monotonic):
        self._now, self._timeout_s = now, robot.arm.velocity_timeout_s
        self._names, self._stroke_m = robot.arm.joints, robot.gripper.stroke_m
        self._finger_speed = robot.gripper.speed_m_s
        self._lower, self._upper, speeds = robot.joint_limits
        self._limits = dict(zip(self._names, speeds.tolist()))
        self._position = np.clip(np.array(robot.arm.posture_rad), self._lower, self._upper)
        self._velocity = np.zeros_like(self._position)
        self._opening_m = self._goal_m = self._stroke_m
        self._reached_s = self._sampled_s = now()
        self._until_s = -math.inf
        self._enabled, self._begun, self._e_stop, self._tripped = False, False, False, False
        self._refused, self._last_refusal, self._stops = 0, "", 0

    def press_e_stop(self, pressed: bool) -> None:
        """The emergency stop of a robot that has none."""
        self._advance()
        self._e_stop = pressed
        if pressed:
            self._tripped = True
            self.stop()

    def report(self) -> RobotReport:
        self._advance()
        self._sampled_s += math.floor((self._reached_s - self._sampled_s) / STEP_S) * STEP_S
        return RobotReport(
            JointSample(self._position.copy(), self._velocity.copy(), self._sampled_s),
            GripperSample(self._opening_m, 0.0, self._sampled_s),
            linked=True,
            enabled=self._enabled,
            e_stop=self._tripped,
            ready=self._enabled,
            fault=self._fault(),
            refused=self._refused,
            last_refusal=self._last_refusal,
            stops=self._stops,
        )

    def move(self, velocity: Mapping[str, float]) -> None:
        self._advance()
        why = refusal(velocity, self._limits) or self._fault()
        if not why and not self._begun and any(velocity.values()):
            why = "a motion begins with a standstill"
        if why:
            return self._refuse(why)
        self._begun = True
        self._velocity = np.array([velocity[name] for name in self._names], np.float64)
        self._until_s = self._reached_s + self._timeout_s

    def rest(self) -> None:
        self._advance()
        self._stops += bool(self._velocity.any())
        self._velocity = np.zeros_like(self._velocity)

    def grip(self, opening_m: float) -> None:
        self._advance()
        if why := self._fault() or ("" if math.isfinite(opening_m) else "the opening is not finite"):
            return self._refuse(why)
        self._goal_m = min(max(opening_m, 0.0), self._stroke_m)

    def enable(self, *, home: bool = False) -> Future[str]:
        if self._e_stop:
            return answered("the emergency stop is pressed: release it first")
        self._enabled, self._tripped, self._begun = True, False, False
        return answered("")

    def stop(self) -> None:
        self.rest()
        self._goal_m, self._enabled = self._opening_m, False

    def close(self) -> None:
        self.stop()

    def _fault(self) -> str:
        if self._tripped:
            return "emergency stop" if self._e_stop else "emergency stop released, not reset"
        return "" if self._enabled else "not enabled"

    def _refuse(self, why: str) -> None:
        self._refused += 1
        self._last_refusal = why

    def _advance(self) -> None:
        """Everything that has happened since the last call."""
        now_s = self._now()
        moved_s = max(0.0, min(now_s, self._until_s) - self._reached_s)
        self._position = np.clip(self._position + moved_s * self._velocity, self._lower, self._upper)
        if now_s > self._until_s and self._velocity.any():
            self._velocity = np.zeros_like(self._velocity)
            self._stops += 1
        step_m = self._finger_speed * (now_s - self._reached_s)
        self._opening_m += min(max(self._goal_m - self._opening_m, -step_m), step_m)
        self._reached_s = now_s
