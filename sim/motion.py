"""What the arm does with an action of its contract, between two control ticks: as the guard has it on the robot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.guard.neighbours.neighbour import ALONE
from gato_ros.core.guard.proposal import Proposal, RobotState
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import differential_ik

if TYPE_CHECKING:
    from gato_ros.sim.world import StackingWorld

INNER_STEP_S = 0.01
"""The joint-velocity loop under the policy runs at 100 Hz, as the guard does on the robot."""


class Motion(Protocol):
    """Carries out actions of one robot's contract; limits of ranges, speeds and accelerations are kept here."""

    latched: str | None
    """Why the arm stands for the rest of the episode, or None."""

    def reset(self) -> None:
        """The arm stands somewhere else, at rest."""
        ...

    def begin(self, values: np.ndarray) -> None:
        """Another control tick: from now on the arm's part of the action is `values` [values]."""
        ...

    def joint_velocity(self) -> np.ndarray:
        """[joints] [rad/s] for the next INNER_STEP_S."""
        ...


def make_motion(world: StackingWorld) -> Motion:
    """How the actions of this world's robot are carried out."""
    return PointingDown(world) if world.embodiment.usual_actions else Guarded(world)


class PointingDown:
    """A twist vx vy vz wz of a tool that points down: limits of the tool's motion, without the guard."""

    latched: str | None = None

    def __init__(self, world: StackingWorld):
        robot = world.embodiment
        self._world, self._ik, self._limits = world, differential_ik(robot), robot.motion_limits
        self._lower, self._upper = np.array(robot.arm_part.lower), np.array(robot.arm_part.upper)
        self.reset()

    def reset(self) -> None:
        self._twist = self._wanted = np.zeros(4)

    def begin(self, values: np.ndarray) -> None:
        self._wanted = np.clip(values, self._lower, self._upper)

    def joint_velocity(self) -> np.ndarray:
        q = self._world.joint_positions
        tool = self._world.kinematics.tool(q)
        self._twist = self._limits.limit(self._wanted, self._twist, tool.position, INNER_STEP_S)
        return self._ik.joint_velocity(q, tool.jacobian, tool.rotation, self._twist)


class Guarded:
    """Any other kind of action: by the guard itself, so that what is learnt is what a robot will do."""

    def __init__(self, world: StackingWorld):
        self._world, self._robot = world, world.embodiment
        self._lower, self._upper = np.array(self._robot.arm_part.lower), np.array(self._robot.arm_part.upper)
        # Nothing comes late here: an action holds until the next one, however low the control rate is.
        self._validity_s = 2.0 / self._robot.control_rate_hz
        self.reset()

    @property
    def latched(self) -> str | None:
        return self._guard.latched if self._armed else None

    def reset(self) -> None:
        self._guard = make_guard(self._robot, neighbours=ALONE, proposal_validity_s=self._validity_s)
        self._armed, self._proposal = False, None

    def begin(self, values: np.ndarray) -> None:
        now_s = self._world.time_s
        self._proposal = Proposal(np.clip(values, self._lower, self._upper), 0.0, now_s, now_s)

    def joint_velocity(self) -> np.ndarray:
        if not self._armed:
            self._arm()
        now_s = self._world.time_s
        command, _ = self._guard.step(self._proposal, self._state(now_s), Instant(now_s, now_s))
        return command.joint_velocity

    def _state(self, at_s: float) -> RobotState:
        world = self._world
        return world.kinematics.state(world.joint_positions, world.joint_velocities, at_s, at_s)

    def _arm(self) -> None:
        """End the latch that a guard starts with, one step before the first: it has to know when it was there."""
        before_s = self._world.time_s - INNER_STEP_S
        state, before = self._state(before_s), Instant(before_s, before_s)
        self._guard.step(None, state, before)
        if (refused := self._guard.reset(state, before)) is not None:
            raise ValueError(f"the guard does not take the arm as an episode starts it: {refused}")
        self._armed = True


def checked(robot: Embodiment, action: Action) -> Action:
    """The action, if it is one of this robot's.

    Raises:
        ValueError: other keys or sizes than the contract's, or a value that is not finite.
    """
    wanted = {key: len(part.lower) for key, part in robot.actions.items()}
    if {key: value.size for key, value in action.values.items()} != wanted:
        raise ValueError(f"an action of {robot.name} has {wanted}, got {action}")
    if not np.isfinite(action.as_vector()).all():  # before any clip, which passes NaN
        raise ValueError(f"an action is {sum(wanted.values())} finite numbers, got {action}")
    return action
