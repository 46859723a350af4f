"""A person takes the arm from a policy and gives it back: input, guard and simulated arm in lockstep, without ROS."""

import numpy as np
import pytest

from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.teleop.operator_input import DeadMan, OperatorInput
from gato_ros.core.teleop.stick import twist_of
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.guard import make_guard
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.sim.world import StackingWorld

ROBOT = load_embodiment()
LIMITS, FULL = ROBOT.motion_limits, ROBOT.action_upper[:4]
TICK_S, CONTROL_TICKS, RAMP_S = 0.01, 5, 0.3
CLOCK_AHEAD_S = 1.7e9
POLICY = np.array([0.06, 0.0, 0.0, 0.0])
LEFT = OperatorInput(np.array([0.0, 1.0, 0.0, 0.0]), held=True)
PRESS, RELEASE, TICKS = 103, 163, 280


class Record:
    """What happened in every tick of the guard."""

    def __init__(self):
        self.velocity, self.tool, self.measured, self.verdicts, self.human_s = [], [], [], [], []


@pytest.fixture(scope="module")
def record():
    world, kinematics, guard = StackingWorld(ROBOT), Kinematics(ROBOT), make_guard(ROBOT)
    world.reset(np.random.default_rng(3))
    world.put_tool(np.array([0.55, 0.0, 0.2]), 0.0, ROBOT.gripper.stroke_m)
    dead_man, found, proposals = DeadMan(RAMP_S), Record(), {}

    def step(tick: int):
        now = Instant(tick * TICK_S, CLOCK_AHEAD_S + tick * TICK_S)
        state = kinematics.state(world.joint_positions, world.joint_velocities, now.clock_s, now.steady_s)
        if tick % CONTROL_TICKS == 0:
            proposals["policy"] = Proposal(POLICY, 0.085, now.clock_s, now.steady_s)
        wanted = dead_man.step(LEFT if PRESS <= tick < RELEASE else OperatorInput(), now.steady_s)
        if wanted.deflection is not None and (wanted.at_once or tick % CONTROL_TICKS == 0):
            twist = twist_of(wanted.deflection, FULL, 1.0)
            proposals["human"] = Proposal(twist, 0.085, now.clock_s, now.steady_s, "human")
            found.human_s.append(now.steady_s)
        command, verdict = guard.step(proposals, state, now)
        if tick == 0:
            assert guard.reset(state, now) is None
        world.set_joint_velocity(command.joint_velocity)
        world.advance(TICK_S)
        found.velocity.append(command.joint_velocity)
        found.tool.append((state.jacobian @ command.joint_velocity)[[0, 1, 2, 5]])
        found.measured.append((state.jacobian @ world.joint_velocities)[:3])
        found.verdicts.append(verdict)

    for tick in range(TICKS):
        step(tick)
    world.close()
    found.velocity, found.tool, found.measured = map(np.array, (found.velocity, found.tool, found.measured))
    return found


@pytest.mark.fault("C11")
def test_the_human_is_in_command_from_the_tick_of_the_press_to_the_release(record):
    sources = [verdict.source for verdict in record.verdicts]
    assert set(sources[10:PRESS]) == {"policy"}
    # The last zero is followed for as long as it is valid, then the arm comes to rest: all that is the human's.
    back = sources.index("policy", PRESS)
    assert set(sources[PRESS:back]) == {"human"} and RELEASE + 8 <= back <= RELEASE + 16
    assert all(verdict.following for verdict in record.verdicts[PRESS:RELEASE])


def test_no_command_jumps_beyond_the_guards_limits(record):
    acceleration = np.diff(record.tool[:, :3], axis=0) / TICK_S
    assert np.linalg.norm(acceleration, axis=1).max() <= LIMITS.linear_acceleration * 1.05
    joint = np.abs(np.diff(record.velocity, axis=0)) / TICK_S
    assert (joint <= np.array(ROBOT.guard.joint_acceleration_rad_s2) * 1.001).all()


def test_the_policys_motion_ends_at_once_and_the_humans_eases_in(record):
    forward, left = record.tool[:, 0], record.tool[:, 1]
    assert forward[PRESS - 1] == pytest.approx(0.06, rel=0.03)
    assert forward[PRESS + 1] < 0.059 and forward[PRESS + 6] < 0.006
    assert left[PRESS : PRESS + 5].max() < 0.002
    # Control ticks of 50 ms: the proposed speed is that of the ramp within one of them.
    middle = PRESS + round(RAMP_S / TICK_S / 2)
    assert 0.25 * FULL[1] < left[middle] < 0.6 * FULL[1]
    assert left[RELEASE - 1] == pytest.approx(FULL[1], rel=0.03)


def test_the_arm_rests_after_the_release_before_the_policy_eases_in(record):
    back = [verdict.source for verdict in record.verdicts].index("policy", RELEASE)
    speed = np.linalg.norm(record.tool[:, :3], axis=1)
    assert speed[RELEASE + 1] < speed[RELEASE - 1] and not record.velocity[back - 1].any()
    half = back + 25
    assert record.tool[half, 0] == pytest.approx(0.03, abs=0.006) and "hand_back_ramp" in record.verdicts[half].reasons
    assert np.diff(record.tool[back:, 0]).max() < 3.0 * 1.5 * 0.06 * TICK_S / 0.5
    assert record.tool[-1, 0] == pytest.approx(0.06, rel=0.03) and record.verdicts[-1].reasons == ()


def test_the_arm_follows_its_commands(record):
    assert np.abs(record.measured - record.tool[:, :3]).max() < 0.01
    # So the arm itself does not jump either.
    assert np.linalg.norm(np.diff(record.measured, axis=0), axis=1).max() < 2.0 * LIMITS.linear_acceleration * TICK_S
