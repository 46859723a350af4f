"""One fuzzed episode: an arm that follows the guard's commands, and inputs that nobody should send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from gato_ros.bench.guard.trace import Trace
from gato_ros.bench.guard.variants import variant
from gato_ros.core.guard.base.with_base import ProposalWithBase
from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.neighbours.neighbour import ALONE
from gato_ros.core.guard.proposal import Proposal, RobotState
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import Embodiment, load_embodiment
from gato_ros.embodiments.guard import guard_limits, make_guard, tool_room
from gato_ros.embodiments.kinematics import Kinematics, differential_ik
from gato_ros.embodiments.loading import DEFAULT

TICK_S = 0.01
CLOCK_AHEAD_S = 1.7e9
"""The stamping clock and the steady clock have nothing in common."""
ROBOT_TIMEOUT_S = 0.2
WISHES = ("any", "flip", "wall", "steady", "policy")
"""any float; sign flips every tick; at a wall; one wish held; as a policy proposes."""
CORNERS = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-200, 1e200, 1e308, -1e308, 0.07, -0.07, 1.0, -1.0])

NOT_FINITE = np.array([np.nan, np.inf, -np.inf])


@cache
def robot_of(name: str, actions: str = "") -> Embodiment:
    """The robot of that name or path; with another kind of action where one of VARIANTS is named."""
    robot = load_embodiment(name)
    return variant(robot, actions) if actions else robot


@cache
def _robot(name: str, actions: str) -> tuple[Embodiment, Kinematics, np.ndarray]:
    """The robot and [poses joints] angles with the tool inside the workspace, gripper down."""
    robot = robot_of(name, actions)
    if actions:
        return robot, (kinematics := Kinematics(robot)), _poses_in_room(robot, kinematics)
    kinematics, ik, limits = Kinematics(robot), differential_ik(robot), robot.motion_limits
    rng, q, poses = np.random.default_rng(0), np.array(robot.arm.posture_rad), []
    for _ in range(40):
        goal = rng.uniform(limits.workspace_lower, limits.workspace_upper)
        for _ in range(400):
            tool = kinematics.tool(q)
            q = q + 0.02 * ik.joint_velocity(q, tool.jacobian, tool.rotation, np.append(goal - tool.position, 0.0) * 3)
        poses.append(q)
    return robot, kinematics, np.array(poses)


def start_poses(name: str, actions: str = "") -> np.ndarray:
    """[poses joints] angles of that robot with the tool inside the workspace."""
    return _robot(name, actions)[2]


def _poses_in_room(robot: Embodiment, kinematics: Kinematics) -> np.ndarray:
    """[poses joints] about the posture, with the tool in its box and cone and every joint off its ends."""
    rng, poses, room = np.random.default_rng(0), [], tool_room(robot)
    lower, upper, _ = robot.joint_limits
    while len(poses) < 40:
        q = np.array(robot.arm.posture_rad) + rng.normal(size=len(lower)) * rng.uniform(0.02, 0.4)
        tool = kinematics.tool(q)
        inside = ((tool.position > room.lower + 1e-3) & (tool.position < room.upper - 1e-3)).all()
        limits, attitude = room.orientation, room.orientation.at(tool.rotation)
        upright = attitude.tilt < limits.cone_rad - 0.01
        ahead = limits.yaw_lower + 0.01 < attitude.yaw < limits.yaw_upper - 0.01
        free = ((q > lower + 0.05) & (q < upper - 0.05)).all()
        if inside and upright and ahead and free and _clear(robot, kinematics, q):
            poses.append(q)
    return np.array(poses)


def _clear(robot: Embodiment, kinematics: Kinematics, q: np.ndarray) -> bool:
    clearance = guard_limits(robot).clearance
    ends = kinematics.state(q, np.zeros_like(q), 0.0, 0.0).capsule_ends
    return clearance is None or ends is None or bool(clearance.gaps(ends).min() > clearance.distance_m)


def any_float(rng: np.random.Generator, size: int, broken: float = 0.0) -> np.ndarray:
    """[size] floats over the whole finite range by their bits, corner cases, and NaN or infinity for a share."""
    values = rng.integers(0, 2**64, size, np.uint64).view(np.float64)
    values = np.where(np.isfinite(values), values, 1.0)
    values = np.where(rng.random(size) < 0.3, CORNERS[rng.integers(0, len(CORNERS), size)], values)
    return np.where(rng.random(size) < broken, NOT_FINITE[rng.integers(0, len(NOT_FINITE), size)], values)


def one_of(rng: np.random.Generator, values: Sequence[float]) -> float:
    """As `rng.choice`, which takes ten times as long."""
    return values[int(rng.integers(0, len(values)))]


class Episode:
    """A guard, an arm, and random values on every input."""

    def __init__(self, seed: int, ticks: int, embodiment: str = DEFAULT, actions: str = ""):
        self._rng, self._ticks = np.random.default_rng(seed), ticks
        self._robot, self._kinematics, poses = _robot(embodiment, actions)
        rng = self._rng
        self._size = len(self._robot.arm_part.lower)
        self._by_hand = 4 if self._robot.usual_actions else 6
        self._guard: Guard = make_guard(self._robot, neighbours=ALONE)
        self._wish_kind = str(rng.choice(WISHES))
        anywhere, self._ragged = rng.random() < 0.1, rng.random() < 0.2
        lower, upper, _ = self._robot.joint_limits
        self._q = rng.uniform(lower, upper) if anywhere else rng.choice(poses).copy()
        self._faults = 0.0 if rng.random() < 0.4 else rng.uniform(0.0, 0.1)
        self._direction = rng.normal(size=self._size) * 10.0 ** rng.uniform(-2.0, 2.0)
        self._absolute = getattr(self._robot.arm_part, "mode", "") == "absolute"
        if self._absolute:  # from a hair beside where the arm is to far beyond its ends
            self._direction = self._q + self._direction * 0.1
        if rng.random() < 0.1:
            self._direction = any_float(rng, self._size)
        self._now_s, self._clock_s, self._pressed, self._human = 10.0, CLOCK_AHEAD_S + 10.0, False, False
        self._held: tuple[np.ndarray, float] = (np.zeros(self._size), 0.02)
        self._policy_wish = np.zeros(self._size)
        self._hand = rng.normal(size=6) if self._by_hand == 6 else self._direction
        self._axes = 0 if self._robot.base_part is None else len(self._robot.base_part.axes)
        # Drawn last, and only where there is a base: episodes of other kinds stay what their seeds made them.
        self._base_wish = rng.normal(size=self._axes) * 10.0 ** rng.uniform(-2.0, 1.0) if self._axes else np.zeros(0)
        self.trace = Trace(not anywhere and not self._ragged, self._wish_kind)

    def run(self) -> Trace:
        """Every tick of the episode."""
        self._guard.step({}, self._state(), self._instant())
        self._guard.reset(self._state(), self._instant())
        velocity = np.zeros(len(self._q))
        for number in range(self._ticks):
            elapsed_s = self._pass_time()
            passed_s = elapsed_s if 0.0 <= elapsed_s < np.inf else TICK_S
            self._q = self._q + velocity * min(passed_s, ROBOT_TIMEOUT_S)
            velocity = self._tick(number, passed_s)
        return self.trace

    def _pass_time(self) -> float:
        rng, before_s = self._rng, self._now_s
        step_s = TICK_S * rng.uniform(0.9, 1.1)
        if self._ragged:
            step_s = one_of(rng, (0.0, 1e-9, 1e-4, 0.002, 0.01, 0.01, 0.015, 0.03, 0.06))
            if rng.random() < 0.02:
                step_s = one_of(rng, (-1.0, 0.15, 0.5, 1e9, -1e9))
        self._now_s, self._clock_s = before_s + step_s, self._clock_s + max(step_s, 0.0)
        return self._now_s - before_s

    def _instant(self) -> Instant:
        return Instant(self._now_s, self._clock_s)

    def _state(self) -> RobotState:
        return self._kinematics.state(self._q, np.zeros(len(self._q)), self._clock_s, self._now_s)

    def _wish(self, number: int, source: str) -> np.ndarray:
        rng, by_hand = self._rng, source == "human" and self._by_hand == 6
        if self._wish_kind == "any":
            return any_float(rng, self._by_hand if by_hand else self._size, 0.002)
        if by_hand:
            return -self._hand if self._wish_kind == "flip" and number % 2 else self._hand
        if self._wish_kind == "flip":
            return self._direction if number % 2 else -self._direction
        if self._wish_kind == "policy" and number % 5 == 0:
            lower, upper = (bound[: self._size] for bound in (self._robot.action_lower, self._robot.action_upper))
            self._direction = rng.uniform(lower, upper)
            if self._absolute:
                self._direction = self._q + rng.normal(size=self._size) * 0.1
        return self._direction

    def _proposal(self, source: str, number: int) -> Proposal | None:
        rng = self._rng
        if rng.random() < self._faults:
            if rng.random() < 0.3:
                return None
            stamp_s, receipt_s = rng.choice([0.0, -0.07, -0.2, 0.2, 3600.0, -3600.0, np.nan, np.inf, -np.inf], 2)
            size = self._by_hand if source == "human" else self._size
            self._held = (any_float(rng, size, 0.1), float(any_float(rng, 1, 0.1)[0]))
            return self._made(source, self._clock_s + stamp_s, self._now_s + receipt_s, number, 0.1)
        usual = [0.0, 0.02, self._robot.gripper.stroke_m]
        opening_m = one_of(rng, usual) if rng.random() < 0.5 else float(any_float(rng, 1)[0])
        self._held = (self._wish(number, source), opening_m)
        return self._made(source, self._clock_s, self._now_s, number, 0.0)

    def _made(self, source: str, stamp_s: float, received_s: float, number: int, broken: float) -> Proposal:
        """What is held as a proposal; of a policy with something for the base, where there is one."""
        if source == "human" or not self._axes:
            return Proposal(*self._held, stamp_s, received_s, source)
        rng, sign = self._rng, -1.0 if self._wish_kind == "flip" and number % 2 else 1.0
        if self._wish_kind == "policy" and number % 5 == 0:
            part = self._robot.base_part
            self._base_wish = rng.uniform(part.lower, part.upper)
        any_kind = broken > 0.0 or self._wish_kind == "any"
        wish = any_float(rng, self._axes, max(broken, 0.002)) if any_kind else sign * self._base_wish
        return ProposalWithBase(*self._held, stamp_s, received_s, source, base=wish)

    def _reported(self, honest: RobotState) -> RobotState | None:
        """What the robot says: the truth, or nonsense."""
        rng = self._rng
        if rng.random() >= self._faults:
            return honest
        kind = rng.integers(5)
        if kind == 0:
            return None
        if kind == 1:
            ages = rng.choice([-0.2, -1.0, 0.2, 3600.0, np.nan, np.inf, -np.inf], 2)
            return replace(honest, stamp_s=honest.stamp_s + ages[0], received_s=honest.received_s + ages[1])
        names = ["joint_position", "joint_velocity", "jacobian", "tool_position", "capsule_ends"]
        name = rng.choice(names if honest.capsule_ends is not None else names[:-1])
        broken = getattr(honest, name).copy()
        broken.flat[rng.integers(broken.size)] = rng.choice([np.nan, np.inf, -np.inf])
        if kind > 2:
            jump = rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 3.0, len(self._q))
            name, broken = "joint_position", honest.joint_position + jump
        return replace(honest, **{str(name): broken})

    def _tick(self, number: int, passed_s: float) -> np.ndarray:
        rng, guard, honest, now = self._rng, self._guard, self._state(), self._instant()
        if rng.random() < self._faults:
            if rng.random() < 0.5:
                self._pressed = not self._pressed
                guard.emergency_stop(self._pressed)
            else:
                guard.latch("fuzz")
        elif guard.latched and rng.random() < 0.2:
            if self._pressed and rng.random() < 0.5:
                self._pressed = False
                guard.emergency_stop(False)
            guard.reset(honest, now)
        if rng.random() < 0.02:
            self._human = not self._human
        policy = self._proposal("policy", number)
        if policy is not None:  # without one, the last of the policy's: a person's has another size
            self._policy_wish = policy.twist
        proposals = {"policy": policy}
        if self._human:
            proposals["human"] = self._proposal("human", number)
        latched = guard.latched is not None
        command, verdict = guard.step(proposals, self._reported(honest), now)
        opening_m = np.nan if command.gripper_opening_m is None else command.gripper_opening_m
        self.trace.add(
            velocity=command.joint_velocity,
            following=verdict.following,
            pressed=self._pressed,
            latched=latched,
            has_opening=command.gripper_opening_m is not None,
            opening_m=opening_m,
            position=self._q,
            tool=honest.tool_position,
            jacobian=honest.jacobian,
            ends=honest.capsule_ends,
            passed_s=passed_s,
            now_s=self._now_s,
            wish=self._held[0] if self._by_hand == 4 else self._policy_wish,
            rotation=honest.tool_rotation,
            by_policy=self._by_hand == 4 or verdict.source == "policy",
        )
        if self._axes:
            self._add_base(command.base_velocity, policy)
        return command.joint_velocity

    def _add_base(self, velocity: np.ndarray, policy: Proposal | None) -> None:
        wish = np.full(self._axes, np.nan) if policy is None else policy.base
        self.trace.add(
            base=velocity,
            base_wish=wish if policy is None or policy.finite else np.full(self._axes, np.nan),
            stamp_age_s=np.nan if policy is None else self._clock_s - policy.stamp_s,
            receipt_age_s=np.nan if policy is None else self._now_s - policy.received_s,
        )
