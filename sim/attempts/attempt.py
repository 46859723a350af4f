"""What every task asks of the world, and what is common to its attempts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.kinematics import Kinematics

HOLD_STEPS = 24
"""An episode is a success when its task holds for so many ticks (1.2 s) without a break."""
VOID = "void"
"""The failure of an episode in which a prop left the cell, or physics came to no number."""
REACHED_LATERAL_M, REACHED_HEIGHT_M = 0.03, 0.04
LIFTED_M = 0.02


class Placed(Protocol):
    """Where a prop is."""

    @property
    def position(self) -> np.ndarray:
        """[3] centre [m] in the base frame."""
        ...


class ArmWorld(Protocol):
    """What is looked at of an arm's world: a world of its own, or its place in another's."""

    embodiment: Embodiment
    kinematics: Kinematics

    @property
    def joint_positions(self) -> np.ndarray:
        """[joints] [rad]."""
        ...

    def prop(self, colour: str) -> Placed:
        """A prop of that colour."""
        ...

    def touches(self, colour: str) -> set[str]:
        """What that prop is in contact with."""
        ...

    def pad_contacts(self, colour: str) -> tuple[bool, bool]:
        """Whether the left and the right finger touch that prop."""
        ...


@dataclass(frozen=True)
class Situation:
    """One instant of a world, in the peer's numbers: a smaller cell is judged as if it had the usual size."""

    tool: np.ndarray
    """[3] [m]"""
    centres: Mapping[str, np.ndarray]
    """Colour -> [3] the prop's centre [m]."""
    gripped: frozenset[str]
    """Colours of the props that both fingers touch."""
    touches: frozenset[str]
    """What the task's own prop is in contact with, out of the other colours, "ground" and "robot"."""

    @staticmethod
    def of(world: ArmWorld, target: str, colours: Sequence[str]) -> Situation:
        """What an arm's world is like now; `target` is the prop that the task is about."""
        cell = world.embodiment.simulated.cell
        return Situation(
            cell.to_cell(world.kinematics.tool(world.joint_positions).position),
            {colour: cell.to_cell(world.prop(colour).position) for colour in colours},
            frozenset(colour for colour in colours if all(world.pad_contacts(colour))),
            frozenset(world.touches(target)),
        )


class Attempt(ABC):
    """Watches one episode tick by tick, from its start on."""

    stages: ClassVar[tuple[str, ...]]
    """In order, from "none" to the success; an episode is at the furthest one that it ever reached."""
    failures: ClassVar[tuple[str, ...]]
    """What can go wrong."""

    def __init__(self, target: str, start: Situation):
        self._target, self._start = target, start
        self._furthest = 0
        self.held = 0
        """Ticks without a break for which the task has held."""

    def update(self, now: Situation) -> bool:
        """One tick; whether the task holds at this instant."""
        holds = self._holds(now)
        self.held = self.held + 1 if holds else 0
        stage = self._watch(now, holds)
        self._furthest = max(self._furthest, len(self.stages) - 1 if self.held >= HOLD_STEPS else stage)
        return holds

    @abstractmethod
    def _holds(self, now: Situation) -> bool:
        """Whether what is wanted is so at this instant."""

    @abstractmethod
    def _watch(self, now: Situation, holds: bool) -> int:
        """Keep what the failure depends on; which of the stages before the last one this instant is."""

    @property
    def stage(self) -> str:
        """The furthest of `stages` so far."""
        return self.stages[self._furthest]

    @property
    def succeeded(self) -> bool:
        """Whether the task has held for HOLD_STEPS."""
        return self._furthest == len(self.stages) - 1

    @property
    def failure(self) -> str | None:
        """One of `failures` if the episode ended now; None once it is a success."""
        return None if self.succeeded else self._failure()

    @abstractmethod
    def _failure(self) -> str:
        """One of `failures`."""

    def _near(self, now: Situation) -> bool:
        """Whether the tool is at the target."""
        away = now.tool - now.centres[self._target]
        return bool(np.hypot(*away[:2]) < REACHED_LATERAL_M and away[2] < REACHED_HEIGHT_M)

    def _lifts_another(self, now: Situation) -> bool:
        """Whether another prop is off the floor between the fingers."""
        return any(self._lifts(now, colour) for colour in now.gripped - {self._target})

    def _lifts(self, now: Situation, colour: str) -> bool:
        """Whether that prop is off the floor between the fingers."""
        return bool(colour in now.gripped and self._rise(now, colour) > LIFTED_M)

    def _rise(self, now: Situation, colour: str) -> float:
        """How far that prop's centre is above its start [m]."""
        return float(now.centres[colour][2] - self._start.centres[colour][2])
