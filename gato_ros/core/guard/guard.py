"""The last thing before the wire: from a proposed motion to a joint command that is always safe to send."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from gato_ros.core.guard.arbiter import Arbiter, Choice
from gato_ros.core.guard.base.planar_base import FLOOR, BaseLimits, Floor, PlanarBase
from gato_ros.core.guard.differential_ik import DifferentialIk
from gato_ros.core.guard.following.follower import Follower
from gato_ros.core.guard.following.room import ToolRoom
from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.gripper_hold import GripperHold
from gato_ros.core.guard.joint_slew import JointSlew, SlewLimits
from gato_ros.core.guard.joint_watch import JointWatch
from gato_ros.core.guard.kept_clear import kept_clear
from gato_ros.core.guard.motion import MotionLimits, largest
from gato_ros.core.guard.neighbours.neighbour import ALONE, Neighbours, NeighbourState, NeighbourView
from gato_ros.core.guard.plain import capped
from gato_ros.core.guard.proposal import Proposal, RobotState, age_s, finite, state_fault
from gato_ros.core.guard.settings import PARTS, GuardLimits, GuardSettings
from gato_ros.core.guard.verdict import Command, Level, Verdict
from gato_ros.core.timing.freshness import Instant

__all__ = ["Command", "Guard", "GuardLimits", "GuardSettings", "Level", "Proposal", "RobotState", "Verdict"]

NOT_ARMED = "not_armed"
EMERGENCY_STOP = "emergency_stop"
ROBOT_GONE = "robot_gone"
LATCHING = ("non_finite_proposal", "joint_position_jump", "outside_joint_range", ROBOT_GONE)
"""Faults that latch at once: a broken source, a broken sensor, or no robot."""
TOO_FAST = 0.02
"""A motion that the tool's speeds take more than this share of is reported: inverse kinematics leaks a little."""
NOBODY = MappingProxyType({})
SHORTEST_S = 0.001
"""Steps that follow each other faster repeat the command; the next one makes up for the time."""


class Guard:
    """`step` turns the newest proposals and robot state into a joint command and says why.

    Checks, in this order: latch; the guard's own tick gap; robot state finite, fresh by receipt on the steady
    clock and by stamp (the worse counts, a future stamp is a fault), and not jumping; states of other arms beside it,
    by the same rules; who is in command (emergency stop, human, policy, nobody), and whether that proposal is finite
    and fresh. Then, for the motion: tool speed, acceleration, workspace with look-ahead; inverse kinematics; its result
    finite; joint range, singularity, clearance and other arms, which scale the whole motion; joint and tool
    acceleration; jerk. Where a contract states other actions than vx vy vz wz, a follower of each source takes the
    place of inverse kinematics, and the tool's room scales, too.

    A failed check stops the arm: from this very tick the last commanded joint velocities shrink to zero in one
    direction, at the contract's decelerations, with rounded ends. That needs no sensor. A proposal stays valid for
    `proposal_validity_s` after receipt, so a dead policy is answered by a decelerating command that long after
    its last message.

    Latched at once: at start (`not_armed`), on an emergency stop, on the faults in LATCHING. Latched after
    `latch_after_s`: any other stop of an arm that had been following a policy. Before the first proposal the guard
    just stands. A latch ends only by `reset`, which is refused while the emergency stop is pressed, the robot state
    is bad, or the arm still moves; after it the arm stands until a proposal received later than the reset arrives.
    The gripper holds its last commanded opening on every stop: it never opens because of a fault. A base that carries
    the arm is followed, stopped and latched with it.

    All methods are functions of their arguments and of the calls before: the same calls give the same commands.
    """

    # Incidents hold the attributes of this object by name. Older ones lack these, and what they lack is not written
    # anew: a guard that follows vx vy vz wz of a tool that points down, on no mobile base and with no other arm beside
    # it, has none of them.
    _followers: Mapping[str, Follower] | None = None
    _room: ToolRoom | None = None
    _way: JointWay | None = None
    _neighbours = ALONE
    _near: tuple[NeighbourView, ...] = ()
    _base: PlanarBase | Floor = FLOOR

    def __init__(
        self,
        motion: MotionLimits,
        ik: DifferentialIk,
        settings: GuardSettings,
        limits: GuardLimits,
        followers: Mapping[str, Follower] | None = None,
        room: ToolRoom | None = None,
        neighbours: Neighbours = ALONE,
        base: BaseLimits | None = None,
    ):
        """A guard that is latched.

        Args:
            followers: how proposals of each source are followed; None: they are vx vy vz wz of a tool that points down.
            room: where the tool may be, with `followers`; `motion` has the box without.
            neighbours: other arms; their states then come with each step.
            base: of the mobile base that carries the arm; None: it stands on the floor.
        """
        self._ik, self._settings, self._limits = ik, settings, limits
        self._on = {part: part not in settings.off for part in PARTS}
        wide = replace(motion, workspace_lower=np.full(3, -np.inf), workspace_upper=np.full(3, np.inf))
        self._motion = motion if self._on["workspace"] else wide
        round_s = max(
            motion.linear_acceleration / limits.linear_jerk, motion.angular_acceleration / limits.angular_jerk
        )
        self._slew = JointSlew(
            SlewLimits(ik.velocity_limit, limits.joint_acceleration, motion, round_s if self._on["jerk"] else 0.0)
        )
        self._arbiter = Arbiter(settings.proposal_validity_s, settings.future_tolerance_s, settings.hand_back_ramp_s)
        self._watch = JointWatch(ik.velocity_limit, ik.position_lower, ik.position_upper, settings.tick_s)
        self._gripper = GripperHold(settings.stroke_m, settings.gripper_dwell_s if self._on["gripper_dwell"] else 0.0)
        self._clearance = limits.clearance if self._on["clearance"] else None
        if followers is not None:
            wide_room = ToolRoom(wide.workspace_lower, wide.workspace_upper, None)
            self._followers, self._room = dict(followers), room if self._on["workspace"] else wide_room
        if neighbours.arms and self._on["neighbours"]:
            self._neighbours = neighbours
        if base is not None:
            self._base = PlanarBase(base)
        # Incidents hold the attributes of this object by name: one that is renamed makes older incidents unreadable.
        self._latch: str | None = NOT_ARMED
        self._emergency = False
        self._last_steady_s: float | None = None
        self._owed_s = 0.0
        self._back_s = -math.inf
        self._broken_off_s: float | None = None
        self._moved = False

    @property
    def latched(self) -> str | None:
        """The reason of the latch, or None."""
        return self._latch

    @property
    def off(self) -> tuple[str, ...]:
        """The parts that are switched off."""
        return self._settings.off

    def emergency_stop(self, pressed: bool) -> None:
        """Report the emergency stop; releasing it does not end the latch."""
        self._emergency = pressed
        if pressed:
            self.latch(EMERGENCY_STOP)

    def latch(self, reason: str) -> None:
        """Stop and stay stopped until `reset`; the first reason is kept."""
        if self._latch is None or self._latch == NOT_ARMED:
            self._latch = reason

    def reset(
        self, state: RobotState | None, now: Instant, neighbours: Mapping[str, NeighbourState | None] = NOBODY
    ) -> str | None:
        """End the latch; returns None, or the reason why it is refused."""
        if self._emergency:
            return EMERGENCY_STOP
        others = self._neighbours.faults(neighbours, now, self._settings.future_tolerance_s)
        if fault := self._state_fault(state, now) or next(iter(others), None):
            return fault
        if self._moving:
            return "still_moving"
        self._latch, self._broken_off_s, self._moved = None, None, False
        self._arbiter.forget(now)
        return None

    def step(
        self,
        proposals: Mapping[str, Proposal | None] | Proposal | None,
        state: RobotState | None,
        now: Instant,
        neighbours: Mapping[str, NeighbourState | None] = NOBODY,
    ) -> tuple[Command, Verdict]:
        """The command for this instant; never raises, never returns a non-finite or out-of-bounds velocity.

        Args:
            proposals: the newest of each source (`human`, `policy`); one alone is its source's.
            neighbours: the newest state of each other arm, by the contract's names.
        """
        if proposals is None or isinstance(proposals, Proposal):
            proposals = {} if proposals is None else {proposals.source: proposals}
        gap = self._pass_time(now)
        choice = self._arbiter.choose(proposals, now, not self._moving)
        if gap:
            self._arbiter.forget(now)  # what waited meanwhile is not news
            self._back_s = now.steady_s
        faults = ["guard_gap"] if gap else []
        others = self._neighbours.faults(neighbours, now, self._settings.future_tolerance_s)
        own = self._state_fault(state, now) or self._jump_fault(state)
        faults += [fault for fault in (own, *others, choice.fault) if fault]
        # While the guard was away it received nothing: that is no fault of the robot's.
        if state is not None and now.steady_s - max(state.received_s, self._back_s) > self._settings.robot_gone_s:
            faults.append(ROBOT_GONE)
        limits: tuple[str, ...] = ()
        if not faults and self._latch is None and self._owed_s >= SHORTEST_S:
            # Either one missing is a fault.
            assert choice.proposal is not None and state is not None
            dt = min(self._owed_s, 2 * self._settings.tick_s)
            if self._neighbours.arms:
                self._near = self._neighbours.seen(neighbours, state, now)
            if self._followers is None:
                fault, limits = self._follow(choice.proposal, choice.share, state, dt)
            else:
                fault, limits = self._follow_part(choice.proposal, choice.share, state, dt, now)
            faults += [fault] if fault else []
            if not faults:
                self._owed_s = 0.0
                limits += self._gripper.follow(choice.proposal.gripper_opening_m, now.steady_s)
                arm = (self._slew.velocity, state.joint_velocity)
                limits += self._base.follow(choice.proposal, choice.share, arm, dt)
        for fault in faults:
            if fault in LATCHING:
                self.latch(fault)
        if faults or self._latch is not None:
            self._slew.stop(self._owed_s)
            self._base.stop(self._owed_s)
            self._owed_s = 0.0
            if self._way is not None:  # older incidents have no such attribute
                self._way = None
            self._note_stop(choice, faults, now)
        else:
            self._broken_off_s, self._moved = None, True
        command = self._base.command(self._slew.velocity.copy(), self._gripper.opening_m)
        return command, self._verdict(faults, limits, choice, state, now)

    @property
    def _moving(self) -> bool:
        return self._slew.moving or self._base.moving

    def _pass_time(self, now: Instant) -> bool:
        """Count the time since the last step; True if the guard was away, or its clock is not to be trusted."""
        before, self._last_steady_s = self._last_steady_s, now.steady_s
        elapsed_s = 0.0 if before is None else now.steady_s - before
        # A stop goes on even where the clock says nothing.
        self._owed_s += elapsed_s if 0.0 <= elapsed_s < math.inf else self._settings.tick_s
        return not 0.0 <= elapsed_s <= self._settings.longest_gap_s

    def _state_fault(self, state: RobotState | None, now: Instant) -> str | None:
        settings, capsules = self._settings, self._clearance is not None or bool(self._neighbours.arms)
        return state_fault(state, now, settings.state_max_age_s, settings.future_tolerance_s, capsules)

    def _jump_fault(self, state: RobotState | None) -> str | None:
        jumped = state is not None and self._on["joint_jump"] and self._watch.jumped(state)
        return "joint_position_jump" if jumped else None

    def _follow(
        self, proposal: Proposal, share: float, state: RobotState, dt: float
    ) -> tuple[str | None, tuple[str, ...]]:
        """Move towards that share of what is proposed; what went wrong, or None, and the limits that acted."""
        wanted = np.asarray(proposal.twist, np.float64) * share
        # Finite inputs can still overflow on the way (1e308 squared); the check on the result catches it.
        with np.errstate(all="ignore"):
            self._slew.resume()
            ahead = self._slew.ahead()
            position = state.tool_position + state.jacobian[:3] @ ahead
            # Whatever is kept away from may be approached so fast that a stop from the next tick on ends before it.
            gain = 2.0 / (self._slew.stop_s + self._settings.tick_s)
            slow = np.array([*capped(wanted[:3].tolist(), self._motion.linear_speed), wanted[3]])
            short = self._motion.short_of_walls(slow, position, gain)
            twist = self._motion.limit(short, self._slew.aim_twist(state.jacobian), position, dt)
            try:
                free = self._ik.unlimited(state.joint_position, state.jacobian, state.tool_rotation, twist)
                if not np.isfinite(free).all():
                    return "ik_failed", ()
                if self._on["joint_range"] and self._watch.leaves_further(state.joint_position, free):
                    return "outside_joint_range", ()
                ((velocity, limits),) = self._kept_clear([free], state, ahead, gain)
            except np.linalg.LinAlgError:
                return "ik_failed", ()
            if not np.isfinite(velocity).all():
                return "ik_failed", ()
            velocity = self._slew.stoppable(velocity, state.jacobian)
            if self._slew.follow(velocity, state.jacobian, dt):
                limits += ("acceleration",)
            if share < 1.0:
                limits += ("hand_back_ramp",)
            return None, self._limits_met(wanted, slow, short, position) + limits

    def _follow_part(
        self, proposal: Proposal, share: float, state: RobotState, dt: float, now: Instant
    ) -> tuple[str | None, tuple[str, ...]]:
        """As `_follow`, for what a contract's own parts of an action propose."""
        assert self._followers is not None and self._room is not None
        follower = self._followers[proposal.source]
        with np.errstate(all="ignore"):
            self._slew.resume()
            gain = 2.0 / (self._slew.stop_s + self._settings.tick_s)
            situation = Situation(
                state, self._slew.ahead(), gain, self._ik, self._motion, self._room, self._way, now.steady_s
            )
            try:
                way = follower.begin(proposal, self._way, situation)
                if way is not self._way:
                    self._way, situation = way, situation.on(way)
                free, limits = follower.wanted(np.asarray(proposal.twist, np.float64), share, situation)
                if not finite(free):
                    return "ik_failed", ()
                if self._on["joint_range"] and self._watch.leaves_further(state.joint_position, free):
                    return "outside_joint_range", ()
                # What the arm does already may not go on either: it brakes first, and turns to the wish with the rest.
                clear = self._kept_clear([free, self._slew.aim], state, situation.ahead, gain)
                (velocity, kept), (braked, _) = situation.kept_in_room(clear)
            except np.linalg.LinAlgError:
                return "ik_failed", ()
            if not (finite(velocity) and finite(braked)):
                return "ik_failed", ()
            slower = self._slew.stoppable(velocity, state.jacobian)
            limits += ("speed",) * bool(largest(slower - velocity) > TOO_FAST * largest(velocity)) + kept
            if self._slew.follow(slower, state.jacobian, dt, braked):
                limits += ("acceleration",)
            if share < 1.0:
                limits += ("hand_back_ramp",)
            return None, tuple(dict.fromkeys(limits))

    def _kept_clear(
        self, wished: Sequence[np.ndarray], state: RobotState, ahead: np.ndarray, gain: float
    ) -> list[tuple[np.ndarray, tuple[str, ...]]]:
        watch = self._watch if self._on["joint_range"] else None
        singularity = self._limits.singularity if self._on["singularity"] else None
        return kept_clear(wished, state, ahead, gain, self._ik, watch, singularity, self._clearance, self._near)

    def _limits_met(
        self, wanted: np.ndarray, slow: np.ndarray, short: np.ndarray, position: np.ndarray
    ) -> tuple[str, ...]:
        fast = (slow != wanted).any() or abs(wanted[3]) > self._motion.angular_speed
        kept = self._motion.stoppable(short[:3], position, self._settings.tick_s)
        return ("speed",) * bool(fast) + ("workspace",) * bool(np.abs(kept - slow[:3]).max() > 1e-9)

    def _note_stop(self, choice: Choice, faults: list[str], now: Instant) -> None:
        if choice.fault == "hand_back":
            # A human who lets go has ended a motion as it should end.
            self._broken_off_s, self._moved = None, False
        if not self._moved:
            return
        if self._broken_off_s is None:
            self._broken_off_s = now.steady_s
        if faults and not now.steady_s - self._broken_off_s <= self._settings.latch_after_s:
            self.latch(faults[0])

    def _verdict(
        self, faults: list[str], limits: tuple[str, ...], choice: Choice, state: RobotState | None, now: Instant
    ) -> Verdict:
        ages = (age_s(choice.proposal, now), age_s(state, now))
        source = EMERGENCY_STOP if self._emergency else choice.source
        if self._latch is not None:
            reasons = (self._latch, *(fault for fault in faults if fault != self._latch))
            return Verdict(Level.LATCHED, reasons, *ages, source, self.off)
        if faults:
            return Verdict(Level.STOPPING, tuple(faults), *ages, source, self.off)
        return Verdict(Level.LIMITED if limits else Level.OK, limits, *ages, source, self.off)
