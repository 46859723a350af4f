"""What a command may never be, reckoned anew from the contract: it shares no code with the guard."""

from __future__ import annotations

import numpy as np

from gato_ros.bench.guard.base_oracle import BaseOracle
from gato_ros.bench.guard.trace import Trace
from gato_ros.embodiments import Embodiment

TURNING = 1.05
"""The Jacobian turns while a command is carried out: Cartesian bounds hold to this factor."""
WALL_M = 1e-3
JOINT_RAD = 0.01
ANGLE_RAD = 0.01
"""What WALL_M is of the workspace, of the cone and of the turn."""
OFF_ENDS_RAD = 0.3
"""Nearer to its end a joint may be held up alone."""
SHORTEST_S = 1e-3
"""Commands that follow each other faster are judged together: over less time rounding is all there is."""
LONGEST_S = 0.02
"""A late tick may not make up for more than this [s] of acceleration."""
STIFF = 0.01
"""So near above the contract's `singularity.slow` the direction is not judged: the damped inverse gives way there."""
DIRECTION_RAD = np.deg2rad(5.0)
"""The damped inverse turns the motion by so much where the arm is stiff in one direction."""
CHECKS = (
    "nonfinite",
    "joint_speed",
    "joint_acceleration",
    "tool_speed",
    "tool_acceleration",
    "tool_jerk",
    "workspace",
    "orientation",
    "stopping_distance",
    "joint_range",
    "gripper",
    "stop_speeds_up",
    "stop_comes_late",
    "moves_while_stopped",
    "direction",
    "table",
    "self_collision",
)


class Oracle:
    """Judges whole episodes at once."""

    def __init__(self, robot: Embodiment):
        self._robot, self._limits = robot, robot.limits
        self._lower, self._upper, self._speed = robot.joint_limits
        self._acceleration = np.array(robot.guard.joint_acceleration_rad_s2)
        self._base = None if robot.guard.base is None else BaseOracle(robot)
        self._stiff = robot.guard.singularity.slow + STIFF
        self._round_s = max(
            self._limits.linear_acceleration_m_s2 / robot.guard.linear_jerk_m_s3,
            self._limits.angular_acceleration_rad_s2 / robot.guard.angular_jerk_rad_s3,
        )

    def escapes(self, trace: Trace) -> dict[str, np.ndarray]:
        """Check -> [ticks] bool, True where a command is out of its envelope."""
        of_base = {} if self._base is None else self._base.escapes(trace)
        return {**self._of_arm(trace), **of_base}

    def _of_arm(self, trace: Trace) -> dict[str, np.ndarray]:
        velocity, jacobian = trace["velocity"], trace["jacobian"]
        finite = np.isfinite(velocity).all(axis=1) & (np.isfinite(trace["opening_m"]) | ~trace["has_opening"])
        if not finite.all():  # nothing else can be reckoned with those
            return {name: ~finite if name == "nonfinite" else np.zeros(len(trace), bool) for name in CHECKS}
        twist = _times(jacobian, velocity)
        found = {
            "nonfinite": ~finite,
            "joint_speed": (np.abs(velocity) > self._speed + 1e-9).any(axis=1),
            "tool_speed": self._too_fast(trace, velocity, twist),
            **self._changes(trace, velocity, jacobian),
            **self._places(trace, velocity, twist),
            **self._stops(trace, velocity),
            "gripper": self._gripper(trace),
            "direction": self._direction(trace, twist),
        }
        return found

    def _too_fast(self, trace: Trace, velocity: np.ndarray, twist: np.ndarray) -> np.ndarray:
        """Too fast, and not being slowed as acceleration allows: a pose may turn one velocity into a larger one."""
        limits, kept = self._limits, _times(trace["jacobian"][1:], velocity[:-1])
        slowing = trace["passed_s"] < SHORTEST_S
        for rows, most in (
            (slice(3), limits.linear_acceleration_m_s2),
            (slice(3, 6), limits.angular_acceleration_rad_s2),
        ):
            lost = np.linalg.norm(kept[:, rows], axis=1) - np.linalg.norm(twist[1:, rows], axis=1)
            slowing[1:] |= lost >= 0.5 * most * np.minimum(trace["passed_s"][1:], LONGEST_S)
        slowing |= _stopping_s(trace) <= self._round_s  # the deceleration of a stop has to grow
        return self._over(twist, limits.linear_speed_m_s, limits.angular_speed_rad_s, TURNING) & ~slowing

    @staticmethod
    def _over(twist: np.ndarray, linear, angular, factor: float) -> np.ndarray:
        return (np.linalg.norm(twist[:, :3], axis=1) > linear * factor + 1e-6) | (
            np.linalg.norm(twist[:, 3:], axis=1) > angular * factor + 1e-6
        )

    def _changes(self, trace: Trace, velocity: np.ndarray, jacobian: np.ndarray) -> dict[str, np.ndarray]:
        """Accelerations and jerks between commands that differ; equal ones in between count as waiting."""
        following = trace["following"]
        found = {name: np.zeros(len(trace), bool) for name in ("joint_acceleration", "tool_acceleration", "tool_jerk")}
        changed, before, since_s, began = _changes(velocity, following, trace["passed_s"])
        if not len(changed):
            return found
        dt = np.where(following[changed], np.minimum(since_s, LONGEST_S), since_s)
        change = velocity[changed] - before
        limits = self._limits
        found["joint_acceleration"][changed] = (np.abs(change) > self._acceleration * dt[:, None] * 1.001 + 1e-9).any(1)
        tool = _times(jacobian[changed], change)
        found["tool_acceleration"][changed] = self._over(
            tool, limits.linear_acceleration_m_s2 * dt, limits.angular_acceleration_rad_s2 * dt, TURNING
        )
        # After a long pause there is no acceleration; where a stop begins, that from before may end at once.
        acceleration = change / dt[:, None]
        paused = since_s > 2.5 * LONGEST_S
        earlier = np.where(paused[:, None], 0.0, np.vstack([np.zeros_like(acceleration[:1]), acceleration[:-1]]))
        middle_s = (dt + np.where(paused, dt, np.append(dt[0], dt[:-1]))) / 2
        goes_on = self._too_sudden(_times(jacobian[changed], acceleration - earlier), middle_s)
        begins = self._too_sudden(_times(jacobian[changed], acceleration), dt)
        # A tool that its pose made too fast is slowed as acceleration allows, at once.
        slowed = self._over(
            _times(jacobian[changed], before), limits.linear_speed_m_s, limits.angular_speed_rad_s, TURNING
        )
        found["tool_jerk"][changed] = goes_on & (begins | ~began) & ~slowed
        return found

    def _too_sudden(self, change: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        """Whether the tool's acceleration changes [n 6] by more than the jerk allows in these times [n]."""
        guard = self._robot.guard
        return self._over(change, guard.linear_jerk_m_s3 * time_s, guard.angular_jerk_rad_s3 * time_s, TURNING)

    def _places(self, trace: Trace, velocity: np.ndarray, twist: np.ndarray) -> dict[str, np.ndarray]:
        """Where the arm is, and where a stop that began now would end."""
        none = np.zeros(len(trace), bool)
        if not trace.inside:
            places = ("workspace", "orientation", "stopping_distance", "joint_range", "table", "self_collision")
            return dict.fromkeys(places, none)
        limits = self._limits
        stop_s = self._round_s + np.max(
            [
                np.linalg.norm(twist[:, :3], axis=1) / limits.linear_acceleration_m_s2,
                np.linalg.norm(twist[:, 3:], axis=1) / limits.angular_acceleration_rad_s2,
                (np.abs(velocity) / self._acceleration).max(axis=1),
            ],
            axis=0,
        )
        ends = trace["tool"] + twist[:, :3] * stop_s[:, None] / 2
        q = trace["position"] + velocity * stop_s[:, None] / 2
        stopped = _turned(trace["rotation"], twist[:, 3:] * stop_s[:, None] / 2)
        return {
            "workspace": self._outside(trace["tool"]),
            "orientation": self._turned_away(trace["rotation"]),
            "stopping_distance": self._outside(ends) | self._turned_away(stopped),
            "joint_range": ((q < self._lower - JOINT_RAD) | (q > self._upper + JOINT_RAD)).any(axis=1),
            **self._clear(trace["ends"]),
        }

    def _outside(self, tool: np.ndarray) -> np.ndarray:
        lower, upper = np.array(self._limits.workspace_lower_m), np.array(self._limits.workspace_upper_m)
        return ((tool < lower - WALL_M) | (tool > upper + WALL_M)).any(axis=1)

    def _turned_away(self, rotation: np.ndarray) -> np.ndarray:
        """Out of the cone, or turned too far: the tilt is taken back about the axis across, and the rest measured."""
        stated = self._limits.orientation
        if stated is None:
            return np.zeros(len(rotation), bool)
        middle, x, z = np.array(stated.tool_z), np.array(stated.tool_x), rotation[:, :, 2]
        tilt = np.arccos(np.clip(z @ middle, -1.0, 1.0))
        across = np.cross(z, middle)
        size = np.linalg.norm(across, axis=1, keepdims=True)
        axis = np.where(size > 1e-9, across / np.maximum(size, 1e-9), 0.0)
        levelled = _turned(rotation, axis * tilt[:, None])[:, :, 0]
        yaw = np.arctan2(np.cross(x, levelled) @ middle, levelled @ x)
        lower, upper = stated.yaw_rad
        return (tilt > stated.cone_rad + ANGLE_RAD) | (yaw < lower - ANGLE_RAD) | (yaw > upper + ANGLE_RAD)

    def _clear(self, ends: np.ndarray) -> dict[str, np.ndarray]:
        """By points along the capsules: coarse, and another way than the guard's."""
        geometry = self._robot.guard.clearance
        if geometry is None:
            none = np.zeros(len(ends), bool)
            return {"table": none, "self_collision": none}
        names = list(geometry.capsules)
        radius = np.array([geometry.capsules[name].radius_m for name in names])
        above = [names.index(name) for name in geometry.above_table]
        height = ends[:, above][..., 2].min(axis=2) - radius[above]
        along = np.linspace(0.0, 1.0, 7)[:, None]
        points = ends[:, :, None, 0] * (1 - along) + ends[:, :, None, 1] * along
        close = np.zeros(len(ends), bool)
        for pair in geometry.apart:
            a, b = (names.index(name) for name in pair)
            distance = np.linalg.norm(points[:, a, :, None] - points[:, b, None], axis=-1).min(axis=(1, 2))
            close |= distance < radius[a] + radius[b]
        return {"table": (height < geometry.table_height_m).any(axis=1), "self_collision": close}

    @staticmethod
    def _stops(trace: Trace, velocity: np.ndarray) -> dict[str, np.ndarray]:
        before, now = velocity[:-1], velocity[1:]
        stopped = ~trace["following"][1:]
        grows = (np.abs(now) > np.abs(before) + 1e-15).any(axis=1) | (now * before < 0.0).any(axis=1)
        size_before, size = np.abs(before).max(axis=1), np.abs(now).max(axis=1)
        time_passes = trace["passed_s"][1:] > 1e-3
        keeps = time_passes & (size_before > 1e-6) & (size >= size_before)
        moves = trace["following"] & (trace["pressed"] | trace["latched"])
        return {
            "stop_speeds_up": np.append(False, stopped & grows),
            "stop_comes_late": np.append(False, stopped & keeps),
            "moves_while_stopped": moves,
        }

    def _gripper(self, trace: Trace) -> np.ndarray:
        opening, known = trace["opening_m"], trace["has_opening"]
        bad = known & ((opening < 0.0) | (opening > self._robot.gripper.stroke_m))
        changed = np.append(False, (opening[1:] != opening[:-1]) & known[1:] & known[:-1])
        return bad | (changed & ~trace["following"]) | np.append(False, known[:-1] & ~known[1:])

    def _compared(self, trace: Trace, twist: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What was wished and what was done, in the same axes [ticks n]; and where no joint is held up alone."""
        wish = trace["wish"]
        if self._robot.arm_part.kind == "joint_velocity":
            q = trace["position"]
            off_ends = ((q > self._lower + OFF_ENDS_RAD) & (q < self._upper - OFF_ENDS_RAD)).all(axis=1)
            return wish, trace["velocity"], off_ends
        wish, everywhere = wish[:, :3], np.ones(len(trace), bool)
        if getattr(self._robot.arm_part, "frame", "base") == "tool":
            return wish, np.einsum("nji,nj->ni", trace["rotation"], twist[:, :3]), everywhere
        return wish, twist[:, :3], everywhere

    def _direction(self, trace: Trace, twist: np.ndarray) -> np.ndarray:
        """A wish that is held, far from every limit, is followed in its own direction."""
        n = len(trace)
        part = self._robot.arm_part
        if trace.wish != "steady" or not trace.inside or part.kind == "joint_position" or _leaves_open(part):
            return np.zeros(n, bool)
        wish, done, off_ends = self._compared(trace, twist)
        following = trace["following"] & trace["by_policy"]
        with np.errstate(all="ignore"):
            size = np.abs(wish).max(axis=1, keepdims=True)
            wish = wish / np.where(size > 0.0, size, 1.0)
        same = np.append(False, (wish[1:] == wish[:-1]).all(axis=1)) & following
        held = np.array([same[max(0, i - 15) : i + 1].all() and i >= 15 for i in range(n)])
        lower, upper = np.array(self._limits.workspace_lower_m), np.array(self._limits.workspace_upper_m)
        middle = off_ends & ((trace["tool"] > lower + 0.03) & (trace["tool"] < upper - 0.03)).all(axis=1)
        stiff = np.linalg.svd(trace["jacobian"], compute_uv=False)[:, -1] < self._stiff
        speed = np.linalg.norm(done, axis=1)
        with np.errstate(all="ignore"):  # any wish is a wish
            cosine = (wish * done).sum(axis=1) / np.maximum(np.linalg.norm(wish, axis=1) * speed, 1e-12)
        return (
            held & middle & ~stiff & (speed > 5e-3) & (np.abs(wish).max(axis=1) > 0) & (cosine < np.cos(DIRECTION_RAD))
        )


def _leaves_open(part) -> bool:
    """Whether the tool may also move as nobody has proposed."""
    return getattr(part, "others", "") == "free"


def _turned(rotation: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Rotations [n 3 3] turned by rotation vectors [n 3] along the base's axes: each column about the axis."""
    angle = np.linalg.norm(by, axis=1)[:, None, None]
    axis = (by / np.maximum(angle[:, 0], 1e-12))[:, :, None]
    around = np.cross(np.broadcast_to(axis, rotation.shape), rotation, axis=1)
    along = axis * (axis * rotation).sum(axis=1, keepdims=True)
    return rotation * np.cos(angle) + around * np.sin(angle) + along * (1.0 - np.cos(angle))


def _changes(
    velocity: np.ndarray, following: np.ndarray, passed_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ticks whose command differs from the last judged one, that one [joints], the time since, and whether a stop
    has begun since."""
    judged, before, since_s, began = [], [], [], []
    last, waited_s, stopped = np.zeros_like(velocity[0]), LONGEST_S, False
    for i in range(len(velocity)):
        waited_s += passed_s[i]
        stopped |= not following[i] and (i == 0 or following[i - 1])
        if waited_s >= SHORTEST_S and (velocity[i] != last).any():
            judged.append(i)
            before.append(last)
            since_s.append(waited_s)
            began.append(stopped)
            last, waited_s, stopped = velocity[i], 0.0, False
    return np.array(judged, int), np.array(before), np.array(since_s), np.array(began)


def _stopping_s(trace: Trace) -> np.ndarray:
    """[ticks] how long each stop has lasted; infinite where there is none."""
    lasted, since_s = [], np.inf
    for following, passed_s in zip(trace["following"], trace["passed_s"], strict=True):
        since_s = np.inf if following else (0.0 if since_s == np.inf else since_s) + passed_s
        lasted.append(since_s)
    return np.array(lasted)


def _times(jacobian: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nj->ni", jacobian, velocity)
