"""What a step of the guard costs: the step alone, and with the kinematics of a new joint state.

Proposals as a policy makes them, on an arm that follows; every step is timed by itself.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gato_ros.core.bounds import Count, Seed
from gato_ros.core.errors import SetupError

WARM_UP = 200
TICK_S = 0.01


@dataclass(frozen=True)
class Options:
    """How long, and in what state."""

    steps: Count = 20_000
    """Timed steps."""
    seed: Seed = 0
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; milliseconds of wall clock per step, and of processor time on average."""
    from gato_ros.core.guard.proposal import Proposal
    from gato_ros.core.timing.freshness import Instant
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.guard import make_guard
    from gato_ros.embodiments.kinematics import Kinematics

    if options.steps < 100:
        raise SetupError(expected="--steps of at least 100", got=str(options.steps), fix="give a larger number")
    robot, rng = load_embodiment(), np.random.default_rng(options.seed)
    kinematics, guard = Kinematics(robot), make_guard(robot)
    q, velocity, twist = np.array(robot.arm.posture_rad), np.zeros(len(robot.arm.joints)), np.zeros(4)
    ticks, states, followed = [], [], 0
    for number in range(-WARM_UP, options.steps):
        now = Instant(number * TICK_S + 10.0, number * TICK_S + 1e9)
        q = q + velocity * TICK_S
        if number % 5 == 0:
            twist = rng.uniform(robot.action_lower[:4], robot.action_upper[:4])
        proposal = Proposal(twist, 0.02, now.clock_s, now.steady_s)
        began = time.perf_counter()
        state = kinematics.state(q, velocity, now.clock_s, now.steady_s)
        middle = time.perf_counter()
        command, verdict = guard.step({"policy": proposal, "human": None}, state, now)
        ended = time.perf_counter()
        velocity = command.joint_velocity
        if number == -WARM_UP:
            guard.reset(state, now)
        if number == 0:
            cpu_s = time.process_time()
        if number >= 0:
            ticks.append((ended - middle) * 1e3)
            states.append((middle - began) * 1e3)
            followed += verdict.following
    cpu_ms = (time.process_time() - cpu_s) / options.steps * 1e3
    result = {
        "steps": options.steps,
        "followed": followed,
        "step_ms": _percentiles(ticks),
        "kinematics_ms": _percentiles(states),
        "cpu_ms_per_tick": round(cpu_ms, 4),
        "cores": os.cpu_count(),
        "ok": followed == options.steps,
    }
    print(
        f"guard step: p50 {result['step_ms']['p50']} ms, p99 {result['step_ms']['p99']} ms, most "
        f"{result['step_ms']['most']} ms; kinematics p99 {result['kinematics_ms']['p99']} ms; "
        f"{cpu_ms * 100 / 10:.1f} % of a core at 100 Hz, without ROS"
    )
    return result


def _percentiles(values: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4), "most": round(max(values), 4)}
