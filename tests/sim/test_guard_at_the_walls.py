"""The guard in front of the simulated arm, driven at every wall of the workspace at full speed."""

import itertools

import numpy as np
import pytest

from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments.guard import make_guard
from gato_ros.sim.world import StackingWorld

TICK_S = 0.01
CENTRE = np.array([0.6, 0.0, 0.25])
LARGEST_M = 1e-3
DIRECTIONS = [np.array(d) for d in itertools.product((-1.0, 0.0, 1.0), repeat=3) if np.count_nonzero(d) in (1, 3)]
"""At the faces and into the corners."""


@pytest.fixture(scope="module")
def world():
    made = StackingWorld()
    made.reset(np.random.default_rng(0))
    made.clear()
    yield made
    made.close()


def overshoot_m(world, direction, late_ticks: int, seconds: float = 4.0) -> tuple[float, float]:
    """The furthest the tool gets outside [m], and how near it comes to a wall from inside."""
    # Closed: open fingers meet the basket's slopes before the tool meets the wall, and contact moves the arm.
    assert world.put_tool(CENTRE, 0.0, 0.0)
    guard, robot = make_guard(world.embodiment), world.embodiment
    lower, upper = robot.motion_limits.workspace_lower, robot.motion_limits.workspace_upper
    seen, worst, nearest = [], -np.inf, np.inf
    for tick in range(round(seconds / TICK_S)):
        now = Instant(tick * TICK_S, 1e6 + tick * TICK_S)
        seen.append((world.joint_positions, world.joint_velocities))
        state = world.kinematics.state(*seen[max(0, tick - late_ticks)], now.clock_s, now.steady_s)
        if tick == 0:
            guard.step(None, state, now)
            assert guard.reset(state, now) is None
        elif tick % 5 == 1:
            twist = np.append(10.0 * direction, 0.0)
            proposal = Proposal(twist, 0.0, now.clock_s, now.steady_s)
        command, _ = guard.step(proposal if tick else None, state, now)
        world.set_joint_velocity(command.joint_velocity)
        world.advance(TICK_S)
        tool = world.kinematics.tool(world.joint_positions).position
        worst = max(worst, float(np.maximum(lower - tool, tool - upper).max()))
        nearest = min(nearest, float(np.minimum(tool - lower, upper - tool)[direction != 0].min()))
    return worst, nearest


@pytest.mark.fault("C4")
@pytest.mark.parametrize("late_ticks", [0, 1])
def test_the_tool_stays_within_a_millimetre_of_the_workspace(world, late_ticks):
    found = {tuple(direction): overshoot_m(world, direction, late_ticks) for direction in DIRECTIONS}
    print(f"furthest outside: {1e3 * max(worst for worst, _ in found.values()):.3f} mm, states {late_ticks} ticks old")
    assert max(worst for worst, _ in found.values()) <= LARGEST_M
    # A guard that stops far from the wall would pass just as well.
    assert max(nearest for _, nearest in found.values()) < 0.02
