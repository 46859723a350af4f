"""The one place where the commanded joint velocity changes: never faster than joints and tool may accelerate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.guard.motion import MotionLimits, between, largest
from gato_ros.core.guard.moving_average import TimeAverage
from gato_ros.core.guard.plain import length
from gato_ros.core.guard.singularity import change_of_jacobian
from gato_ros.core.guard.stop_ramp import StopRamp

RESERVE = 1.25
"""The window is this much longer than the jerk asks for: the Jacobian turns a little while it passes."""

STOP_RESERVE = 1.05
"""A stop is drawn out by this, for the same reason."""

PART_S = 0.02
"""A stop's path is looked at in parts of so long [s] at the speed before it: the Jacobian turns."""

TURN = 1.05
"""The pose may make the tool faster by this on the way of a stop."""

LARGEST_TURN = 1.5
"""A velocity that was followed is one of up to so many times the tool's largest speed; more makes no sense."""

REACH_M = 2.0
"""No joint is further from the tool [m]: it bounds how much faster a pose can make it."""

LONGEST_S = 0.3
"""No pose draws a stop out to more than this [s], whatever it would make of the tool's acceleration."""


@dataclass(frozen=True)
class SlewLimits:
    """How fast a joint velocity may change."""

    joint_speed: np.ndarray
    """[joints] largest joint speeds [rad/s]."""
    joint_acceleration: np.ndarray
    """[joints] largest joint accelerations [rad/s^2]."""
    tool: MotionLimits
    """Speeds and accelerations of the tool; of its rotation in all three axes together."""
    round_s: float
    """Largest acceleration over largest jerk of the tool [s]; 0: jerk is not limited."""


class JointSlew:
    """Holds the commanded velocity and moves it towards a wanted one, or to zero.

    Changes are scaled as a whole, so the motion goes straight to what is wanted: on a constant wish it has the
    direction of the wish from the first tick. A mean over time then bounds the jerk.
    """

    def __init__(self, limits: SlewLimits):
        self._limits = limits
        size = len(limits.joint_speed)
        self.velocity = np.zeros(size)
        """[joints] the last commanded velocity [rad/s]."""
        self._average = TimeAverage(2 * RESERVE * limits.round_s, size) if limits.round_s else None
        self._aim = np.zeros(size)
        self._jacobian = np.zeros((6, size))
        self._ramp: StopRamp | None = None
        self._ramp_s = 0.0
        self._left: StopRamp | None = None

    @property
    def moving(self) -> bool:
        return bool(self.velocity.any())

    @property
    def stop_s(self) -> float:
        """How long a stop would take from now [s]."""
        return self._straight_s() * STOP_RESERVE + self._limits.round_s

    def aim_twist(self, jacobian: np.ndarray) -> np.ndarray:
        """[4] vx vy vz [m/s], wz [rad/s] of the motion before it is smoothed."""
        return (jacobian @ self._aim)[[0, 1, 2, 5]]

    def ahead(self) -> np.ndarray:
        """[joints] how far the joints will go on beyond what `aim_twist` accounts for [rad]."""
        if self._average is None or self._ramp is not None:
            return np.zeros_like(self.velocity)
        return self._average.ahead()

    def within_speed(self, velocity: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
        """`velocity` [joints] scaled so that the tool keeps its speeds."""
        linear, angular = _speeds(jacobian, velocity)
        tool = self._limits.tool
        share = min(_part(tool.linear_speed, linear), _part(tool.angular_speed, angular))
        return velocity * share if share < 1.0 else velocity

    def stoppable(self, velocity: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
        """`velocity` [joints] scaled so that the tool keeps its speeds here, and about so where a stop would end."""
        velocity = self.within_speed(velocity, jacobian)
        tool = self._limits.tool
        way_s = (self._straight_of(velocity, jacobian) * STOP_RESERVE + self._limits.round_s) / 2
        linear, angular = _speeds(jacobian + change_of_jacobian(jacobian, velocity) * way_s, velocity)
        # Half of `velocity` turns half as much: scaled by this it keeps the bound.
        share = min(_part(TURN * tool.linear_speed, linear), _part(TURN * tool.angular_speed, angular))
        return velocity * share if share < 1.0 else velocity

    @property
    def aim(self) -> np.ndarray:
        """[joints] of the motion before it is smoothed [rad/s]."""
        return self._aim

    def follow(self, wanted: np.ndarray, jacobian: np.ndarray, dt: float, braked: np.ndarray | None = None) -> bool:
        """Move `velocity` towards `wanted` [joints] for dt > 0 seconds; True if an acceleration held it back.

        Args:
            braked: [joints] `aim` without what may not go on: that comes first, and what is left of the acceleration
                goes towards `wanted`. None: straight towards `wanted`.
        """
        self.resume()
        self._left = None
        if braked is None:
            share = self._share(wanted - self._aim, jacobian, dt)
            self._aim = self._aim + (wanted - self._aim) * share
        else:
            share = self._brake_first(wanted, braked, jacobian, dt)
        goal = self._aim if self._average is None else self._average.push(self._aim, dt)
        change = self.within_speed(goal, jacobian) - self.velocity
        bound = self._limits.joint_speed
        self.velocity = between(self.velocity + change * self._share(change, jacobian, dt), -bound, bound)
        self._jacobian = jacobian
        # A little is taken off all the time: the null space of the inverse kinematics leaks into the tool.
        return share < 0.9

    def stop(self, dt: float) -> None:
        """Shrink `velocity` towards zero for dt seconds; the first call begins the stop."""
        # After a `resume` that led to no motion the stop goes on where it was.
        self._ramp, self._left = self._ramp or self._left, None
        if self._ramp is None:
            self._ramp, self._ramp_s = self._ramp_to_rest(dt), 0.0
        self._ramp_s += dt
        share = self._ramp.share(self._ramp_s)
        self.velocity = self._ramp.velocity * share if share else np.zeros_like(self.velocity)

    def resume(self) -> None:
        """End a stop: from here on `aim_twist` and `ahead` describe a motion that goes on."""
        if self._ramp is None:
            return
        slope = self._ramp.slope(self._ramp_s)
        self._left, self._ramp, self._aim = self._ramp, None, self.velocity
        if self._average is not None:
            # The deceleration fades too: going on from a straight line would be a jolt.
            self._average.restart(self.velocity, slope)
            self._aim = self._average.newest

    def _straight_s(self) -> float:
        return self._straight_of(self.velocity, self._jacobian)

    def _straight_of(self, velocity: np.ndarray, jacobian: np.ndarray) -> float:
        """Speed over acceleration [s], of whatever takes longest."""
        return max(
            self._tool_straight_s(velocity, jacobian), float(largest(velocity / self._limits.joint_acceleration))
        )

    def _tool_straight_s(self, velocity: np.ndarray, jacobian: np.ndarray, turned_s: float = 0.0) -> float:
        """Speed over acceleration [s] of the tool, after the joints have moved for `turned_s`."""
        tool, (linear, angular) = self._limits.tool, _speeds(jacobian, velocity)
        turn = float(np.abs(velocity).sum()) ** 2 * turned_s
        # A Jacobian that makes no sense must not draw the stop out; in this order NaN loses.
        return max(
            min(LARGEST_TURN * tool.linear_speed + REACH_M * turn, linear) / tool.linear_acceleration,
            min(LARGEST_TURN * tool.angular_speed + turn, angular) / tool.angular_acceleration,
        )

    def _ramp_to_rest(self, dt: float) -> StopRamp:
        # Where joints are fast, the same joint velocities become others of the tool on the way. The arm went on for dt
        # already, and a stop is half as far as its time at full speed.
        with np.errstate(all="ignore"):
            jacobian, straight_s, gone_s, before_s = self._jacobian, self._straight_s(), 0.0, min(dt, self.stop_s)
            longest_s = max(straight_s, LONGEST_S)
            while gone_s < before_s + (straight_s * STOP_RESERVE + self._limits.round_s) / 2:
                gone_s += PART_S
                jacobian = jacobian + change_of_jacobian(jacobian, self.velocity) * PART_S
                needed_s = self._tool_straight_s(self.velocity, jacobian, gone_s)
                straight_s = min(max(straight_s, needed_s), longest_s)
            # A tool that its pose has made too fast already, between two late ticks, is slowed without rounding.
            linear, angular = _speeds(self._jacobian, self.velocity)
            tool = self._limits.tool
            too_fast = linear > TURN * tool.linear_speed or angular > TURN * tool.angular_speed
        return StopRamp(self.velocity, straight_s * STOP_RESERVE, 0.0 if too_fast else self._limits.round_s)

    def _brake_first(self, wanted: np.ndarray, braked: np.ndarray, jacobian: np.ndarray, dt: float) -> float:
        must, wish = braked - self._aim, wanted - braked
        needed = self._size(must, jacobian, dt)
        if needed >= 1.0:
            self._aim = self._aim + must / needed
            return 0.0
        # Sizes are norms: together the two are no larger than their sum.
        share = _part(1.0 - needed, self._size(wish, jacobian, dt))
        self._aim = braked + wish * share
        return share

    def _size(self, change: np.ndarray, jacobian: np.ndarray, dt: float) -> float:
        """A change of velocity as a multiple of the largest that dt allows."""
        linear, angular = _speeds(jacobian, change)
        tool = self._limits.tool
        return max(
            linear / (tool.linear_acceleration * dt),
            angular / (tool.angular_acceleration * dt),
            float(largest(change / self._limits.joint_acceleration)) / dt,
        )

    def _share(self, change: np.ndarray, jacobian: np.ndarray, dt: float) -> float:
        linear, angular = _speeds(jacobian, change)
        tool = self._limits.tool
        joints = float(largest(change / self._limits.joint_acceleration))
        return min(
            _part(tool.linear_acceleration * dt, linear),
            _part(tool.angular_acceleration * dt, angular),
            _part(dt, joints),
        )


def _speeds(jacobian: np.ndarray, velocity: np.ndarray) -> tuple[float, float]:
    """Norms of the tool's linear [m/s] and angular [rad/s] velocity."""
    twist = (jacobian @ velocity).tolist()
    return length(twist[:3]), length(twist[3:])


def _part(allowed: float, size: float) -> float:
    """How much of `size` is allowed: 1 at most."""
    return allowed / size if size > allowed else 1.0
