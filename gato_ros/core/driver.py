"""The RobotDriver seam: what a robot's side has to do, whatever the robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class JointSample:
    """The arm's joints at one moment."""

    position: np.ndarray
    """[joints] [rad], in the order of the names that the driver was given."""
    velocity: np.ndarray
    """[joints] [rad/s]."""
    sampled_s: float
    """When it was sensed [s] on the steady clock; a driver that cannot know it exactly says the earliest it can be."""


@dataclass(frozen=True)
class GripperSample:
    """The gripper at one moment."""

    opening_m: float
    """Distance between the finger pads [m]."""
    force_n: float
    """[N]; 0 where nothing measures it."""
    sampled_s: float
    """As `JointSample.sampled_s`."""


@dataclass(frozen=True)
class RobotReport:
    """What a driver knows of its robot now."""

    joints: JointSample | None = None
    """None until the robot has said anything; the last one, as old as it is, of a robot that has fallen silent."""
    gripper: GripperSample | None = None
    """None where there is no gripper."""
    linked: bool = False
    """Whether the robot can be reached."""
    enabled: bool = False
    """Whether the motors are on."""
    e_stop: bool = False
    """Whether the emergency stop is pressed, or was and has not been reset."""
    ready: bool = False
    """Whether a velocity would be carried out."""
    fault: str = ""
    """Why not; empty when ready."""
    refused: int = 0
    """Commands that were not carried out, so far."""
    last_refusal: str = ""
    stops: int = 0
    """How often the arm was brought to rest because commands ended, so far."""


class RobotDriver(Protocol):
    """One arm with its gripper. No method blocks; all are called from one thread.

    What every driver promises, and `make driver-conformance` checks:
    - a velocity is carried out until the next, and never for longer than the contract's `velocity_timeout_s`: then the
      arm holds by itself, also when this process is suspended or dead;
    - what is not finite, not complete or too fast is refused whole, counted, and moves nothing;
    - after start, an emergency stop, a fault, a `stop` or a lost link nothing moves until `enable`, and then not before
      a velocity of zero has come: nobody's motion is taken up in the middle.
    """

    def report(self) -> RobotReport:
        """What is known now. It does what has to be done regularly as well: call it at 100 Hz or more."""
        ...

    def move(self, velocity: Mapping[str, float]) -> None:
        """Turn the joints of these names, all of them, at these speeds [rad/s]."""

    def rest(self) -> None:
        """Zero speed at once, because commands have ended. No command itself: it begins no motion, see above."""

    def grip(self, opening_m: float) -> None:
        """Bring the finger pads to this distance [m] and hold it there."""

    def enable(self, *, home: bool = False) -> Future[str]:
        """Ask the robot to take commands: resets what may be reset and switches the motors on.

        Args:
            home: let joints that do not know where they are find out, which moves them.

        Returns:
            Done when the robot is ready (an empty text) or is not going to be (the reason).
        """
        ...

    def stop(self) -> None:
        """Zero speed at once; then nothing moves until `enable`."""

    def close(self) -> None:
        """`stop`, and let the robot go."""


Now = Callable[[], float]
"""A steady clock [s]."""


def answered(text: str) -> Future[str]:
    """A future that is done already."""
    future: Future[str] = Future()
    future.set_result(text)
    return future


def refusal(velocity: Mapping[str, float], limits: Mapping[str, float]) -> str | None:
    """Why these joint speeds [rad/s] cannot be commands for joints with these limits, or None."""
    if velocity.keys() != limits.keys():
        missing, unknown = sorted(limits.keys() - velocity.keys()), sorted(velocity.keys() - limits.keys())
        return " and ".join(
            part
            for part in (
                f"no velocity of {', '.join(missing)}" if missing else "",
                f"unknown joints {', '.join(unknown)}" if unknown else "",
            )
            if part
        )
    values = np.array([velocity[name] for name in limits], np.float64)
    if not np.isfinite(values).all():
        return "a velocity is not finite"
    fast = [name for name, value in velocity.items() if abs(value) > SPEED_ALLOWANCE * limits[name]]
    return f"{fast[0]} at {velocity[fast[0]]:.3f} rad/s, its limit is {limits[fast[0]]:g}" if fast else None


SPEED_ALLOWANCE = 1.01
"""Of the limit: the guard keeps to it, and a rounding is no reason to stop."""
