"""Each rule of the guard alone: the other limits are out of the way, so that its number shows."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.settings import GuardSettings
from gato_ros.embodiments.guard import guard_limits
from gato_ros.embodiments.kinematics import differential_ik
from tests.core.guarded_arm import KINEMATICS, LIMITS, ROBOT, START, TICK_S, Arm, at, proposal, robot_state
from tests.core.test_guard_limits import at_the_wall
from tests.core.test_singularity import smallest, stretched

IK = differential_ik(ROBOT)
FREE = replace(
    LIMITS,
    workspace_lower=np.full(3, -9.0),
    workspace_upper=np.full(3, 9.0),
    linear_speed=99.0,
    angular_speed=99.0,
    linear_acceleration=1e6,
    angular_acceleration=1e6,
)
EASY = replace(guard_limits(ROBOT), joint_acceleration=np.full(7, 1e6), linear_jerk=1e9, angular_jerk=1e9)


def arm_with(motion=LIMITS, limits=None, q=START, off=(), ik=IK) -> Arm:
    """An armed arm whose guard has limits of its own."""
    arm = Arm(q)
    arm.guard = Guard(motion, ik, GuardSettings(ROBOT.gripper.stroke_m, off=off), limits or guard_limits(ROBOT))
    arm.tick()
    return arm.arm()


def free_velocity(q, twist) -> np.ndarray:
    tool = KINEMATICS.tool(q)
    return IK.unlimited(q, tool.jacobian, tool.rotation, np.array(twist, np.float64))


def test_no_time_has_passed_before_the_first_step():
    arm = Arm.__new__(Arm)
    guard = Guard(LIMITS, IK, GuardSettings(ROBOT.gripper.stroke_m), guard_limits(ROBOT))
    assert guard.latched == "not_armed"
    assert guard.reset(robot_state(START, 10.0), at(10.0)) is None and guard.latched is None
    arm.guard = guard
    command, verdict = guard.step(proposal(10.01), robot_state(START, 10.01), at(10.01))
    assert not command.joint_velocity.any() and "guard_gap" not in verdict.reasons


def test_an_arm_that_never_moved_keeps_its_reason():
    arm = Arm()
    for _ in range(300):
        _, verdict = arm.tick(None, None)
    assert verdict.reasons[:2] == ("not_armed", "missing_state")
    assert arm.guard.latched == "not_armed"


def test_the_first_reason_of_a_latch_stays_but_for_that_of_the_start():
    arm = Arm()
    arm.guard.latch("first")
    arm.guard.latch("second")
    assert arm.guard.latched == "first"
    assert arm.tick(None)[1].reasons[0] == "first"


def test_a_latch_names_itself_and_then_what_is_wrong_beside_it():
    arm = Arm().arm()
    arm.follow(5)
    arm.guard.emergency_stop(True)
    assert arm.tick(proposal(arm.now_s + TICK_S), None)[1].reasons == ("emergency_stop", "missing_state")
    arm.guard.emergency_stop(False)
    assert arm.follow(1)[1].reasons == ("emergency_stop",)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_without_the_workspace_the_tool_goes_every_way(axis, sign):
    arm = Arm(off=("workspace", "clearance")).arm()
    twist, before = np.zeros(4), KINEMATICS.tool(arm.q).position[axis]
    twist[axis] = 0.05 * sign
    arm.follow(40, twist=twist)
    assert (KINEMATICS.tool(arm.q).position[axis] - before) * sign == pytest.approx(0.05 * 0.4, rel=0.15)


@pytest.mark.parametrize("linear, angular, expected_s", [(50.0, 1000.0, 0.04), (200.0, 100.0, 0.1)])
def test_the_slower_of_both_jerks_rounds_a_stop(linear, angular, expected_s):
    arm = arm_with(limits=replace(guard_limits(ROBOT), linear_jerk=linear, angular_jerk=angular))
    arm.follow(100, twist=(0.06, 0.0, 0.0, 0.0))
    ticks, speed = 0, arm.tool_speed(arm.commands[-1])
    while arm.tool_speed(arm.commands[-1]) > 0.0:
        arm.tick(None)
        ticks += 1
    assert ticks * TICK_S == pytest.approx(speed / 2.0 * 1.05 + expected_s, abs=1.1 * TICK_S)


def test_a_late_tick_makes_up_for_two_of_them():
    arm = Arm(off=("jerk",)).arm()
    arm.now_s += 0.04
    command, verdict = arm.follow(1, twist=(0.1, 0.0, 0.0, 0.0))
    assert verdict.following
    assert arm.tool_speed(command) == pytest.approx(2 * TICK_S * LIMITS.linear_acceleration, rel=0.05)


@pytest.mark.parametrize("turn, inwards", [(9.0, 1.0), (0.25, 0.5)])
def test_what_leads_back_is_a_part_of_the_proposed_turn(turn, inwards):
    motion = replace(LIMITS, angular_speed=0.5)
    arm = arm_with(motion, q=at_the_wall(0.05), off=("clearance",))
    for _ in range(30):
        jacobian, (command, _) = KINEMATICS.tool(arm.q).jacobian, arm.follow(1, twist=(0.0, 0.0, 0.0, turn))
    assert -(jacobian[1] @ command.joint_velocity) == pytest.approx(0.05 * inwards * LIMITS.linear_speed, rel=0.15)


def test_a_turn_as_fast_as_may_be_is_none_too_fast():
    arm = Arm().arm()
    assert "speed" not in arm.follow(3, twist=(0.0, 0.0, 0.0, LIMITS.angular_speed))[1].reasons
    assert "speed" in arm.follow(1, twist=(0.0, 0.0, 0.0, -LIMITS.angular_speed * 1.01))[1].reasons


@pytest.mark.parametrize(
    "twist, part", [((0.05, 0.02, 0.0, 0.1), 1.0), ((0.05, 0.02, 0.0, 0.1), 0.2), ((5.0, -3.0, 2.0, 0.0), 1.0)]
)
def test_without_the_joint_range_the_whole_velocity_is_scaled_to_the_joints_speeds(twist, part):
    ik = replace(IK, velocity_limit=IK.velocity_limit * part)
    arm = arm_with(FREE, EASY, off=("joint_range", "singularity", "clearance", "workspace", "jerk"), ik=ik)
    free = free_velocity(arm.q, twist)
    over = max(1.0, float(np.max(np.abs(free) / ik.velocity_limit)))
    assert (over > 1.5) == (max(twist) > 1.0)
    np.testing.assert_allclose(arm.follow(1, twist=twist)[0].joint_velocity, free / over, rtol=1e-9)


@pytest.mark.parametrize("off, share", [((), 0.5), (("singularity",), 1.0)])
def test_near_a_singularity_the_velocity_is_the_share_of_it(off, share):
    q, towards = stretched(0.04)
    arm = arm_with(FREE, EASY, q, ("joint_range", "clearance", "workspace", "jerk", *off))
    twist = (KINEMATICS.tool(q).jacobian @ towards)[[0, 1, 2, 5]] * 0.05
    free = free_velocity(q, twist)
    assert smallest(q + 1e-3 * free) < smallest(q) == pytest.approx(0.04, abs=1e-5)
    kept = free * min(1.0, float(np.min(IK.velocity_limit / np.abs(free)))) * share
    np.testing.assert_allclose(arm.follow(1, twist=twist)[0].joint_velocity, kept, rtol=2e-3)


def test_a_table_is_come_to_at_the_gain_times_the_room():
    limits = guard_limits(ROBOT)
    clearance = replace(limits.clearance, table_height_m=limits.clearance.table_height_m + 0.12)
    arm = arm_with(limits=replace(limits, clearance=clearance))

    def room() -> float:
        return clearance.gaps(robot_state(arm.q, 0.0).capsule_ends).min() - clearance.distance_m

    rooms = [room()]
    for _ in range(150):
        arm.follow(1, twist=(0.0, 0.0, -0.1, 0.0))
        rooms.append(room())
    closing = -np.diff(rooms) / TICK_S
    near = np.array(rooms[:-1]) < 0.009
    assert near.any() and min(rooms) > -1e-4
    assert (closing[near] <= 10.0 * np.array(rooms[:-1])[near] + 2e-3).all()


def test_a_joint_comes_to_its_end_at_the_gain_times_the_room():
    arm, (lower, upper, _) = Arm().arm(), ROBOT.joint_limits
    rooms = []
    for _ in range(500):
        arm.follow(1, twist=(0.0, 0.0, 0.0, 1.0))
        rooms.append(min(arm.q[6] - lower[6], upper[6] - arm.q[6]))
    closing, before = -np.diff(rooms) / TICK_S, np.array(rooms[:-1])
    near = (before > 0.005) & (before < 0.08)
    assert near.sum() > 10
    assert (closing[near] <= 10.2 * before[near]).all() and (closing[near] > 7.0 * before[near]).all()
