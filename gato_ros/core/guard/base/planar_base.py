"""The commanded velocity of a mobile base: how it follows what is proposed, and how it stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.base.with_base import CommandWithBase
from gato_ros.core.guard.motion import between, largest
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.guard.verdict import Command

SPEED, ACCELERATION, WAITS, UNPROPOSED = "base_speed", "base_acceleration", "base_waits", "base_unproposed"
"""What the guard says of it: slower than proposed, held back, stopped until the arm is slow, stopped because whoever
is in command proposes nothing for it."""


@dataclass(frozen=True)
class BaseLimits:
    """Of each axis by itself, in the contract's order: m/s or rad/s, and per second."""

    speed: np.ndarray
    """[axes] > 0."""
    acceleration: np.ndarray
    """[axes] > 0, of a motion that is followed, also where it becomes slower."""
    deceleration: np.ndarray
    """[axes] > 0, of a stop."""
    arm_speed: float | None = None
    """The base stops while a joint of the arm is faster [rad/s]; None: both may move together."""


class PlanarBase:
    """Holds the commanded velocity and moves it towards a wanted one, or to zero.

    Speeds and changes are scaled as a whole: a base that is slowed down stays on its curve. Nothing here needs a sensor
    of the base. Where it drives is not limited: the guard knows no map.
    """

    # Incidents hold the attributes of this object by name.
    def __init__(self, limits: BaseLimits):
        self._limits = limits
        self.velocity = np.zeros(len(limits.speed))
        """[axes] the last commanded velocity."""

    @property
    def moving(self) -> bool:
        return bool(self.velocity.any())

    def follow(self, proposal: Proposal, share: float, arm: Sequence[np.ndarray], dt: float) -> tuple[str, ...]:
        """Move `velocity` towards that share of what is proposed, for dt > 0 seconds; returns what limited it.

        Args:
            proposal: finite. One without a base is a person's, or another's who knows of none: the base stops.
            arm: velocities of the arm, [joints] each [rad/s]; the fastest joint of all counts.
        """
        limits, wanted = self._limits, getattr(proposal, "base", None)
        if wanted is None or self._waits_for(arm):
            held = (UNPROPOSED if wanted is None else WAITS,) if self.moving or _asks(wanted) else ()
            self.stop(dt)
            return held
        scaled = np.asarray(wanted, np.float64) * share
        aim = within(scaled, limits.speed)
        change = aim - self.velocity
        step = within(change, limits.acceleration * dt)
        # What is reached is reached to the bit; and rounding may not lead out of the speeds.
        reached = aim if step is change else self.velocity + step
        self.velocity = between(reached, -limits.speed, limits.speed)
        return (SPEED,) * (aim is not scaled) + (ACCELERATION,) * (step is not change)

    def stop(self, dt: float) -> None:
        """Shrink `velocity` towards zero for dt seconds, in one direction."""
        needed_s = float(largest(self.velocity / self._limits.deceleration))
        self.velocity = self.velocity * (1.0 - dt / needed_s) if needed_s > dt else np.zeros_like(self.velocity)

    def command(self, joint_velocity: np.ndarray, opening_m: float | None) -> Command:
        """What goes on the wire with this of the arm and the gripper."""
        return CommandWithBase(joint_velocity, opening_m, self.velocity.copy())

    def _waits_for(self, arm: Sequence[np.ndarray]) -> bool:
        # Written so that NaN counts as fast.
        most = self._limits.arm_speed
        return most is not None and not all(largest(velocity) <= most for velocity in arm)


class Floor:
    """In the place of a base, under an arm that stands on the floor."""

    moving = False

    def follow(self, proposal: Proposal, share: float, arm: Sequence[np.ndarray], dt: float) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def stop(self, dt: float) -> None:
        """Nothing."""

    def command(self, joint_velocity: np.ndarray, opening_m: float | None) -> Command:
        """Of the arm and the gripper alone."""
        return Command(joint_velocity, opening_m)


FLOOR = Floor()


def _asks(wanted: np.ndarray | None) -> bool:
    """Whether it asks for a motion."""
    return wanted is not None and bool(np.any(wanted))


def within(vector: np.ndarray, most: np.ndarray) -> np.ndarray:
    """`vector` [n] itself, or as much of it as keeps every value within +-`most` [n] > 0, in its own direction.

    Whatever finite value there is: nothing overflows on the way.
    """
    if (np.abs(vector) <= most).all():
        return vector
    unit = vector / largest(vector)
    return unit / largest(unit / most)
