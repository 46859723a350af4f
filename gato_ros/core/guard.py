"""The last thing before the wire: from a proposed motion to a joint command that is always safe to send."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gato_ros.core.differential_ik import DifferentialIk
from gato_ros.core.freshness import Instant, Sample, timing_fault
from gato_ros.core.motion import MotionLimits

NOT_ARMED = "not_armed"
EMERGENCY_STOP = "emergency_stop"


class Level(Enum):
    """What the guard did with a proposal."""

    OK = "ok"
    LIMITED = "limited"
    STOPPING = "stopping"
    LATCHED = "latched"


@dataclass(frozen=True)
class Proposal:
    """A motion somebody wants."""

    twist: np.ndarray
    """[4] vx vy vz [m/s], wz [rad/s] in the base frame."""
    gripper_opening_m: float
    """Wanted distance between the finger pads [m]."""
    stamp_s: float
    """When it was published [s], on the stamping clock."""
    received_s: float
    """When it arrived [s], on the steady clock."""
    source: str = "policy"
    """Who proposes."""


@dataclass(frozen=True)
class RobotState:
    """What the robot says about itself, with its kinematics at those joint angles."""

    joint_position: np.ndarray
    """[joints] [rad]."""
    joint_velocity: np.ndarray
    """[joints] [rad/s]."""
    stamp_s: float
    """Header stamp of the joint state [s], on the stamping clock."""
    received_s: float
    """Its arrival [s], on the steady clock."""
    tool_position: np.ndarray
    """[3] [m] in the base frame."""
    tool_rotation: np.ndarray
    """[3 3] base_from_tool."""
    jacobian: np.ndarray
    """[6 joints] of the tool point, linear rows first, base axes."""


@dataclass(frozen=True)
class Command:
    """What goes on the wire."""

    joint_velocity: np.ndarray
    """[joints] [rad/s]; finite, always."""
    gripper_opening_m: float | None
    """Opening to hold [m]; None until the first accepted proposal."""


@dataclass(frozen=True)
class Verdict:
    """Why the command is what it is."""

    level: Level
    """ok, limited, stopping (decelerating or standing, resumes by itself) or latched (needs a reset)."""
    reasons: tuple[str, ...]
    """The worst first; empty when ok."""
    proposal_age_s: float
    """Age of the proposal by the worse clock [s]; inf without one."""
    state_age_s: float
    """Age of the robot state by the worse clock [s]; inf without one."""

    @property
    def following(self) -> bool:
        """Whether the command carries out the proposal."""
        return self.level in (Level.OK, Level.LIMITED)


@dataclass(frozen=True)
class GuardSettings:
    """The guard's own times and bounds; the robot's limits come from its contract."""

    stroke_m: float
    """Widest gripper opening [m]."""
    proposal_validity_s: float = 0.1
    """A proposal may be followed for this long [s]: two control periods."""
    state_max_age_s: float = 0.1
    """Oldest joint state that may be used [s]."""
    future_tolerance_s: float = 0.05
    """How far ahead of our clock a stamp may be [s]."""
    latch_after_s: float = 1.0
    """A stop in the middle of a motion that lasts this long [s] latches."""
    longest_gap_s: float = 0.1
    """If the guard itself was away for longer than this [s], the tick stops the arm."""
    tick_s: float = 0.01
    """Nominal time between two steps [s]; speeding up is never reckoned over more than two of them."""
    joint_acceleration_rad_s2: float = 20.0
    """Largest change of any joint's commanded speed [rad/s^2], whatever jumps in the inputs."""


class Guard:
    """`step` turns the newest proposal and robot state into a joint command and says why.

    Checks, in this order: latch; the guard's own tick gap; robot state and proposal finite, then fresh by
    receipt on the steady clock and by stamp (the worse counts, a future stamp is a fault); Cartesian limits;
    inverse kinematics; its result finite; joint acceleration.

    A failed check stops the arm: from this very tick the last commanded joint velocities shrink along a
    straight ramp to zero, at the contract's tool deceleration and within the joint acceleration bound. The
    ramp needs no sensor. A proposal stays valid for `proposal_validity_s` after receipt, so a dead policy is
    answered by a decelerating command that long after its last message.

    Latched at once: at start (`not_armed`), on an emergency stop, on a non-finite proposal (its source is
    broken). Latched after `latch_after_s`: any other stop of an arm that had been following a proposal.
    Before the first proposal the guard just stands. A latch ends only by `reset`, which is refused while the
    emergency stop is pressed, the robot state is bad, or the arm still moves; after it the arm stands until
    a proposal received later than the reset arrives. The gripper holds its last commanded opening on every
    stop: it never opens because of a fault.
    """

    def __init__(self, motion: MotionLimits, ik: DifferentialIk, settings: GuardSettings):
        self._motion, self._ik, self._settings = motion, ik, settings
        self._velocity = np.zeros(len(ik.velocity_limit))
        self._twist = np.zeros(4)
        self._opening_m: float | None = None
        self._latch: str | None = NOT_ARMED
        self._emergency = False
        self._ramp: tuple[np.ndarray, np.ndarray, float] | None = None
        self._ramp_left = 0.0
        self._last_steady_s: float | None = None
        self._accept_after_s = -math.inf
        self._broken_off_s: float | None = None
        self._moved_by_proposal = False

    @property
    def latched(self) -> str | None:
        """The reason of the latch, or None."""
        return self._latch

    def emergency_stop(self, pressed: bool) -> None:
        """Report the emergency stop; releasing it does not end the latch."""
        self._emergency = pressed
        if pressed:
            self.latch(EMERGENCY_STOP)

    def latch(self, reason: str) -> None:
        """Stop and stay stopped until `reset`; the first reason is kept."""
        if self._latch is None or self._latch == NOT_ARMED:
            self._latch = reason

    def reset(self, state: RobotState | None, now: Instant) -> str | None:
        """End the latch; returns None, or the reason why it is refused."""
        if self._emergency:
            return EMERGENCY_STOP
        if fault := self._state_fault(state, now):
            return fault
        if self._velocity.any():
            return "still_moving"
        self._latch, self._broken_off_s, self._moved_by_proposal = None, None, False
        self._accept_after_s = now.steady_s
        return None

    def step(self, proposal: Proposal | None, state: RobotState | None, now: Instant) -> tuple[Command, Verdict]:
        """The command for this instant; never raises, never returns a non-finite or out-of-bounds velocity."""
        elapsed = 0.0 if self._last_steady_s is None else now.steady_s - self._last_steady_s
        self._last_steady_s = now.steady_s
        gap = not 0.0 <= elapsed <= self._settings.longest_gap_s
        faults = [fault for fault in ("guard_gap" if gap else None, self._state_fault(state, now),
                                      self._proposal_fault(proposal, now)) if fault]
        if "non_finite_proposal" in faults:
            self.latch("non_finite_proposal")
        limits: tuple[str, ...] = ()
        if not faults and self._latch is None:
            velocity, twist, limits = self._follow(proposal, state, min(elapsed, 2 * self._settings.tick_s))
            if velocity is None:
                faults = list(limits)
            else:
                self._velocity, self._twist, self._ramp, self._broken_off_s = velocity, twist, None, None
                self._opening_m = float(np.clip(proposal.gripper_opening_m, 0.0, self._settings.stroke_m))
                self._moved_by_proposal = True
        if faults or self._latch is not None:
            self._decelerate(elapsed if elapsed >= 0.0 else 0.0)
            self._latch_if_long(faults, now)
        return Command(self._velocity.copy(), self._opening_m), self._verdict(faults, limits, proposal, state, now)

    def _state_fault(self, state: RobotState | None, now: Instant) -> str | None:
        if state is None:
            return "missing_state"
        arrays = (state.joint_position, state.joint_velocity, state.tool_position, state.tool_rotation, state.jacobian)
        if not all(np.isfinite(array).all() for array in arrays):
            return "non_finite_state"
        fault = timing_fault(Sample(None, state.stamp_s, state.received_s), now, self._settings.state_max_age_s,
                             self._settings.future_tolerance_s)
        return f"{fault}_state" if fault else None

    def _proposal_fault(self, proposal: Proposal | None, now: Instant) -> str | None:
        if proposal is None or proposal.received_s <= self._accept_after_s:
            return "missing_proposal"
        if not (np.isfinite(proposal.twist).all() and math.isfinite(proposal.gripper_opening_m)):
            return "non_finite_proposal"
        fault = timing_fault(Sample(None, proposal.stamp_s, proposal.received_s), now,
                             self._settings.proposal_validity_s, self._settings.future_tolerance_s)
        return f"{fault}_proposal" if fault else None

    def _follow(self, proposal: Proposal, state: RobotState, dt: float
                ) -> tuple[np.ndarray | None, np.ndarray, tuple[str, ...]]:
        """Joint velocity, twist and the limits that acted; or None, the old twist and the fault."""
        wanted = np.asarray(proposal.twist, np.float64)
        # Finite inputs can still overflow on the way (1e308 squared); the check on the result catches it.
        with np.errstate(all="ignore"):
            twist = self._motion.limit(wanted, self._twist, state.tool_position, dt)
            try:
                velocity = self._ik.joint_velocity(state.joint_position, state.jacobian, state.tool_rotation, twist)
            except np.linalg.LinAlgError:
                return None, self._twist, ("ik_failed",)
            if not (np.isfinite(velocity).all() and np.isfinite(twist).all()):
                return None, self._twist, ("ik_failed",)
            limits = self._limits_met(wanted, twist, velocity, proposal, state)
        change = velocity - self._velocity
        size, allowed = np.abs(change).max(), self._settings.joint_acceleration_rad_s2 * dt
        if size > allowed:
            change *= allowed / size
            # The tool lags behind too: what it may gain next is reckoned from where it is, not from what was meant.
            twist = self._twist + (twist - self._twist) * (allowed / size)
            limits += ("joint_acceleration",)
        bound = self._ik.velocity_limit
        return np.clip(self._velocity + change, -bound, bound), twist, limits

    def _limits_met(self, wanted: np.ndarray, twist: np.ndarray, velocity: np.ndarray, proposal: Proposal,
                    state: RobotState) -> tuple[str, ...]:
        limits = []
        if np.linalg.norm(wanted[:3]) > self._motion.linear_speed or abs(wanted[3]) > self._motion.angular_speed:
            limits.append("speed")
        # Only the walls can change a velocity that is within the speed.
        slow = wanted[:3] / max(1.0, np.linalg.norm(wanted[:3]) / self._motion.linear_speed)
        if np.abs(self._motion.stoppable(slow, state.tool_position, self._settings.tick_s) - slow).max() > 1e-9:
            limits.append("workspace")
        # Joint limits, joint speeds or a singularity: the tool moves otherwise than was allowed.
        if np.abs(state.jacobian[:3] @ velocity - twist[:3]).max() > 0.005:
            limits.append("joints")
        if not 0.0 <= proposal.gripper_opening_m <= self._settings.stroke_m:
            limits.append("gripper")
        return tuple(limits)

    def _decelerate(self, elapsed: float) -> None:
        if self._ramp is None:
            times = (np.linalg.norm(self._twist[:3]) / self._motion.linear_acceleration,
                     abs(self._twist[3]) / self._motion.angular_acceleration,
                     np.abs(self._velocity).max() / self._settings.joint_acceleration_rad_s2)
            self._ramp, self._ramp_left = (self._velocity, self._twist, float(max(times))), 1.0
        velocity, twist, duration = self._ramp
        # What rounding leaves over is no motion: the ramp ends in exact zeros.
        left = self._ramp_left - elapsed / duration if duration > 0.0 else 0.0
        self._ramp_left = left if left > 1e-9 else 0.0
        self._velocity, self._twist = velocity * self._ramp_left, twist * self._ramp_left

    def _latch_if_long(self, faults: list[str], now: Instant) -> None:
        if not self._moved_by_proposal:
            return
        if self._broken_off_s is None:
            self._broken_off_s = now.steady_s
        if faults and not now.steady_s - self._broken_off_s <= self._settings.latch_after_s:
            self.latch(faults[0])

    def _verdict(self, faults: list[str], limits: tuple[str, ...], proposal: Proposal | None,
                 state: RobotState | None, now: Instant) -> Verdict:
        ages = [math.inf if item is None else Sample(None, item.stamp_s, item.received_s).age_s(now)
                for item in (proposal, state)]
        if self._latch is not None:
            return Verdict(Level.LATCHED, (self._latch, *(f for f in faults if f != self._latch)), *ages)
        if faults:
            return Verdict(Level.STOPPING, tuple(faults), *ages)
        return Verdict(Level.LIMITED if limits else Level.OK, limits, *ages)
