"""Two guarded arms sent at each other: states that come late or not at all, stops, and an oracle of its own.

Time runs in steps of 2 ms. Each guard steps every 10 ms at a phase of its own, sees both arms by messages that were on
the way for a while, and its arm carries a command out after a latency. The distance between the two arms is looked at
after every step, by code that the guard does not share.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from gato_ros.bench.guard.episode import CLOCK_AHEAD_S, TICK_S, robot_of, start_poses
from gato_ros.core.guard.neighbours.neighbour import SPARE_M, Neighbours
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.guard_bounds import NeighbourArm
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.embodiments.neighbours.geometry import NeighbourGeometry, neighbour_rule
from gato_ros.embodiments.neighbours.placement import transform

STEP_S, STEPS = 0.002, 5
EPISODE_TICKS = 400
CASES = ("both", "stands", "intruder")
"""Both guarded; the other one stands; the other one has no guard and comes on."""
WISHES = ("rush", "flip", "steady", "policy")
LATENCY_S = 0.02
INTRUDER_M_S = 0.25
MOST_LATE_S = 0.09
NEAR_M, FAR_M = 0.01, 0.05
MOVES_M_S = 1e-3
NAMES = ("left", "right")


@dataclass
class Wire:
    """Messages of one arm's joint states on their way to one guard: in order, late by chance, at times none."""

    rng: np.random.Generator
    usual_s: float
    late: float
    """Share of messages that are late by up to MOST_LATE_S."""
    silences: float
    """Share of messages at which a silence begins."""
    newest: tuple[np.ndarray, float, float] | None = None
    """Angles, when they were measured, and when they came [s]."""
    _on_the_way: deque = field(default_factory=deque)
    _arrives_s: float = 0.0
    _silent_until_s: float = 0.0

    def send(self, q: np.ndarray, now_s: float) -> None:
        rng = self.rng
        if rng.random() < self.silences:
            self._silent_until_s = now_s + rng.uniform(0.02, 0.6)
        if now_s < self._silent_until_s:
            return
        delay_s = rng.uniform(0.0, MOST_LATE_S) if rng.random() < self.late else self.usual_s * rng.uniform(0.5, 1.5)
        self._arrives_s = max(self._arrives_s, now_s + delay_s)
        self._on_the_way.append((q, now_s, self._arrives_s))

    def receive(self, now_s: float) -> None:
        while self._on_the_way and self._on_the_way[0][2] <= now_s:
            self.newest = self._on_the_way.popleft()


class PairArm:
    """One arm, its guard where it has one, and what it is told."""

    def __init__(self, rng: np.random.Generator, robot, other, stated: NeighbourArm, name: str, off: tuple[str, ...]):
        self.robot, self.kinematics, self.name = robot, Kinematics(robot), name
        self._others, self._rng = NeighbourGeometry(other, stated), rng
        rule = neighbour_rule(name, robot, other, stated, TICK_S)
        self.guard = make_guard(robot, neighbours=Neighbours((rule,)), off=off)
        self.q = np.zeros(len(robot.arm.joints))
        self.velocity = np.zeros_like(self.q)
        self._commands: deque = deque()
        self.own = Wire(rng, rng.uniform(0.0, 0.012), 0.0, 0.0)
        self.others = Wire(rng, rng.uniform(0.0, 0.03), rng.choice([0.0, 0.1, 0.5]), rng.choice([0.0, 0.0, 0.01]))
        self._latency_s = rng.uniform(0.0, LATENCY_S)
        self.followed = self.limited = self.stopped = 0

    def move(self, now_s: float) -> None:
        """One step of time."""
        while self._commands and self._commands[0][0] <= now_s:
            self.velocity = self._commands.popleft()[1]
        self.q = self.q + self.velocity * STEP_S

    def step(self, now_s: float, proposal: Proposal | None) -> None:
        """One step of its guard."""
        now = Instant(now_s, CLOCK_AHEAD_S + now_s)
        own, seen = self.own.newest, self.others.newest
        state = own and self.kinematics.state(own[0], np.zeros_like(self.q), CLOCK_AHEAD_S + own[1], own[2])
        other = seen and self._others.state(seen[0], CLOCK_AHEAD_S + seen[1], seen[2])
        neighbours = {self.name: other}
        if self.guard.latched and not self.guard.reset(state, now, neighbours):
            proposal = None
        command, verdict = self.guard.step({"policy": proposal}, state, now, neighbours)
        self._commands.append((now_s + self._latency_s, command.joint_velocity))
        self.followed += verdict.following
        self.limited += any(reason.startswith("neighbour:") for reason in verdict.reasons)
        self.stopped += any("_neighbour:" in reason for reason in verdict.reasons)


class PairEpisode:
    """A pair, placed and sent by one seed."""

    def __init__(self, seed: int, embodiment: str, actions: str = ""):
        rng = self._rng = np.random.default_rng(seed)
        self.case = CASES[int(rng.choice([0, 0, 0, 1, 2]))]
        self.wish = str(rng.choice(WISHES, p=[0.5, 0.2, 0.2, 0.1]))
        robot, poses = robot_of(embodiment, actions), start_poses(embodiment, actions)
        self.clearance_m = float(rng.choice([0.0, 0.02, 0.05]))
        limits = robot.motion_limits
        middle = (limits.workspace_lower + limits.workspace_upper) / 2
        off = ("workspace",) if rng.random() < 0.5 else ()
        while True:
            yaw = rng.uniform(0.8, 2 * np.pi - 0.8)
            turn = np.array([[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
            place = middle - turn @ middle + rng.uniform(-0.12, 0.12, 3) * [1.0, 1.0, 0.3]
            speed = INTRUDER_M_S if self.case == "intruder" else None
            there = self._stated(place, yaw, speed)
            back = self._stated(-turn.T @ place, -yaw, None)
            self.arms = [PairArm(rng, robot, robot, stated, name, off) for stated, name in zip((there, back), NAMES)]
            self._base = transform(there.base)
            for arm in self.arms:
                arm.q = rng.choice(poses).copy()
            if self.distance() > self.clearance_m + 0.005:
                break
        self._direction = rng.normal(size=(2, len(robot.arm_part.lower)))

    def _stated(self, place: np.ndarray, yaw: float, speed: float | None) -> NeighbourArm:
        base = {"xyz_m": place.tolist(), "rpy_rad": [0.0, 0.0, yaw]}
        said = {"contract": "x", "base": base, "clearance_m": self.clearance_m, "latency_s": LATENCY_S}
        return NeighbourArm.model_validate({**said, "speed_m_s": speed})

    def _ends(self) -> list[np.ndarray]:
        """[capsules 2 3] of both where they are, in the first one's base frame."""
        first, second = (arm.kinematics.capsule_ends(arm.q) for arm in self.arms)
        return [first, second @ self._base[:3, :3].T + self._base[:3, 3]]

    def distance(self) -> float:
        """Between the two surfaces [m]."""
        return self._nearest()[0]

    def _nearest(self) -> tuple[float, int, int, np.ndarray, np.ndarray]:
        """Distance [m], which two capsules, and the two points of their axes [3]."""
        first, second = self._ends()
        radii = [np.array([one.radius_m for one in arm.robot.guard.clearance.capsules.values()]) for arm in self.arms]
        a, b = (np.repeat(first, len(second), 0), np.tile(second, (len(first), 1, 1)))
        points = nearest_points(a, b)
        gap = np.linalg.norm(points[0] - points[1], axis=1) - (radii[0][:, None] + radii[1]).ravel()
        at = int(np.argmin(gap))
        return float(gap[at]), at // len(second), at % len(second), points[0][at], points[1][at]

    def run(self, ticks: int = EPISODE_TICKS) -> tuple[Counter, float]:
        """Counts, and the smallest room beyond the clearance [m].

        Steps of the guards; looks at which the arms were nearer than the clearance, or than what is spared beyond it;
        ticks within a centimetre; steps that followed, that a neighbour limited, that it stopped.
        """
        rng, now_s = self._rng, 10.0
        phases, offset = rng.integers(0, STEPS, 2), rng.integers(0, STEPS, 2)
        escapes, spare, near, gap = 0, 0, 0, self.distance()
        smallest = gap
        proposals: list[Proposal | None] = [None, None]
        for number in range(ticks * STEPS):
            now_s += STEP_S
            for i, arm in enumerate(self.arms):
                arm.move(now_s)
                if number % STEPS == offset[i]:
                    arm.own.send(arm.q, now_s)
                    self.arms[1 - i].others.send(arm.q, now_s)
            for i, arm in enumerate(self.arms):
                arm.own.receive(now_s)
                arm.others.receive(now_s)
                if number % (5 * STEPS) == phases[i] and rng.random() > 0.005:
                    proposals[i] = self._proposal(i, number, now_s)
                if number % STEPS != phases[i]:
                    continue
                if i == 0 or self.case == "both":
                    arm.step(now_s, proposals[i])
                elif self.case == "intruder":
                    arm.velocity = self._intrusion()
            # Far apart, a look in each 10 ms is enough: no two arms come nearer by so much in one.
            gap = self.distance() if smallest < self.clearance_m + FAR_M or number % STEPS == 0 else gap
            smallest, near = min(smallest, gap), near + (gap < self.clearance_m + NEAR_M)
            spare += self.case != "intruder" and gap < self.clearance_m + SPARE_M - 1e-6
            if gap < self.clearance_m:
                # An arm that is run into need not flee, but it may not come nearer.
                escapes += self.case != "intruder" or self._gradient(0) @ self.arms[0].velocity > MOVES_M_S
                if gap < self.clearance_m - NEAR_M:
                    break
        each = 1 + number // STEPS
        counts = Counter(
            ticks=each * (1 + (self.case == "both")), escapes=int(escapes), into_spare=int(spare), near=near // STEPS
        )
        for arm in self.arms:
            counts.update(followed=arm.followed, limited=arm.limited, stopped_beside=arm.stopped)
        return counts, smallest - self.clearance_m

    def _gradient(self, i: int) -> np.ndarray:
        """[joints] by how much the distance shortens with each joint of that arm [m/rad]."""
        _, *capsules, here, there = self._nearest()
        arm = self.arms[i]
        state, way = arm.kinematics.state(arm.q, arm.q, 0.0, 0.0), (there - here) * (1 if i == 0 else -1)
        if i == 1:
            way = self._base[:3, :3].T @ way
        ends, jacobians = self._ends()[i][capsules[i]], state.capsule_jacobians[capsules[i]]
        point = here if i == 0 else there
        along = np.linalg.norm(point - ends[0]) / max(np.linalg.norm(ends[1] - ends[0]), 1e-9)
        return way @ (jacobians[0] * (1 - along) + jacobians[1] * along) / max(np.linalg.norm(way), 1e-9)

    def _closing(self, i: int) -> np.ndarray:
        """[joints] the joint velocity that shortens the distance most, of length 1."""
        gradient = self._gradient(i)
        return gradient / max(np.linalg.norm(gradient), 1e-9)

    def _intrusion(self) -> np.ndarray:
        """[joints] [rad/s] of an arm without a guard: straight on, no point of it faster than INTRUDER_M_S."""
        arm, velocity = self.arms[1], self._closing(1)
        jacobians = arm.kinematics.state(arm.q, arm.q, 0.0, 0.0).capsule_jacobians
        return velocity * (INTRUDER_M_S / max(np.linalg.norm(jacobians @ velocity, axis=-1).max(), 1e-9))

    def _proposal(self, i: int, number: int, now_s: float) -> Proposal:
        arm, rng = self.arms[i], self._rng
        if self.wish == "policy":
            size = len(arm.robot.arm_part.lower)
            values = rng.uniform(arm.robot.action_lower[:size], arm.robot.action_upper[:size])
        elif self.wish == "steady":
            values = self._direction[i]
        else:
            away = self.wish == "flip" and (number // (20 * STEPS)) % 2
            values = self._action(arm, self._closing(i) * (-1.0 if away else 1.0))
        return Proposal(values, 0.02, CLOCK_AHEAD_S + now_s, now_s, "policy")

    @staticmethod
    def _action(arm: PairArm, velocity: np.ndarray) -> np.ndarray:
        """The action of that robot which moves its joints about so, as fast as it may."""
        part = arm.robot.arm_part
        if part.kind == "joint_velocity":
            return velocity * 3.0
        if part.kind == "joint_position":
            return velocity * 0.3 + (arm.q if getattr(part, "mode", "") == "absolute" else 0.0)
        tool = arm.kinematics.tool(arm.q)
        twist = tool.jacobian @ velocity
        if part.frame == "tool":
            twist = np.append(tool.rotation.T @ twist[:3], tool.rotation.T @ twist[3:])
        rows = ["vx", "vy", "vz", "wx", "wy", "wz"]
        return twist[[rows.index(name) for name in part.names]] * (0.5 / max(np.linalg.norm(twist[:3]), 1e-6))


def nearest_points(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[2 n 3] nearest points of segments a and b [n 2 3]: an end and its projection, or where two lines pass."""
    u, v = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]
    best, found = np.full(len(a), np.inf), np.zeros((2, len(a), 3))

    def consider(p: np.ndarray, q: np.ndarray, allowed: np.ndarray) -> None:
        size = np.where(allowed, np.einsum("ij,ij->i", p - q, p - q), np.inf)
        better = size < best
        best[better], found[0][better], found[1][better] = size[better], p[better], q[better]

    every = np.ones(len(a), bool)
    for end in (0, 1):
        consider(a[:, end], _on(b, a[:, end]), every)
        consider(_on(a, b[:, end]), b[:, end], every)
    normal = _cross(u, v)
    size = np.einsum("ij,ij->i", normal, normal)
    safe, apart = np.where(size > 1e-14, size, 1.0), b[:, 0] - a[:, 0]
    s = np.einsum("ij,ij->i", _cross(apart, v), normal) / safe
    t = np.einsum("ij,ij->i", _cross(apart, u), normal) / safe
    inside = (size > 1e-14) & (s >= 0.0) & (s <= 1.0) & (t >= 0.0) & (t <= 1.0)
    consider(a[:, 0] + s[:, None] * u, b[:, 0] + t[:, None] * v, inside)
    return found


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[n 3], in a third of numpy's time."""
    (x, y, z), (i, j, k) = a.T, b.T
    return np.stack([y * k - z * j, z * i - x * k, x * j - y * i], 1)


def _on(segments: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The points [n 3] of segments [n 2 3] that are nearest to `points` [n 3]."""
    way = segments[:, 1] - segments[:, 0]
    along = np.einsum("ij,ij->i", points - segments[:, 0], way) / np.maximum(np.einsum("ij,ij->i", way, way), 1e-14)
    return segments[:, 0] + np.clip(along, 0.0, 1.0)[:, None] * way


def fuzz_pairs(seeds: range, embodiment: str, actions: str = "") -> tuple[Counter, list[dict]]:
    """Counts over the episodes of these seeds, and those that went wrong."""
    counts, examples = Counter(), []
    for seed in seeds:
        episode = PairEpisode(seed, embodiment, actions)
        found, least_m = episode.run()
        counts.update(found)
        if found["escapes"]:
            what = f"neighbour: {episode.case}, {episode.wish}, {least_m * 1e3:.1f} mm"
            examples.append({"seed": seed, "tick": found["ticks"], "checks": [what]})
    return counts, examples
