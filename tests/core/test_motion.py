import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics, differential_ik

LIMITS = load_embodiment().motion_limits
CENTRE = (LIMITS.workspace_lower + LIMITS.workspace_upper) / 2
PERIOD_S = 0.01
OVERSHOOT_M = 0.0005
"""Whatever an adversary does on the other axes."""
commands = arrays(np.float64, 4, elements=st.floats(-10, 10))


@settings(max_examples=40, deadline=None)
@given(st.lists(commands, min_size=1, max_size=5), st.integers(0, 2**31))
def test_no_commands_leave_the_workspace_by_more_than_braking_or_exceed_the_speed(wanted, seed):
    position, twist = CENTRE.copy(), np.zeros(4)
    random = np.random.default_rng(seed)
    for _ in range(600):
        before, twist = twist, LIMITS.limit(wanted[random.integers(len(wanted))], twist, position, PERIOD_S)
        position += twist[:3] * PERIOD_S
        assert np.isfinite(twist).all()
        assert np.linalg.norm(twist[:3]) <= LIMITS.linear_speed + 1e-9
        assert abs(twist[3]) <= LIMITS.angular_speed + 1e-9
        assert np.linalg.norm(twist[:3] - before[:3]) <= LIMITS.linear_acceleration * PERIOD_S + 1e-9
        assert abs(twist[3] - before[3]) <= LIMITS.angular_acceleration * PERIOD_S + 1e-9
        assert (position >= LIMITS.workspace_lower - OVERSHOOT_M).all()
        assert (position <= LIMITS.workspace_upper + OVERSHOOT_M).all()


def test_a_command_within_all_bounds_is_followed():
    wanted = np.array([0.03, -0.02, 0.01, 0.2])
    np.testing.assert_allclose(LIMITS.limit(wanted, wanted, CENTRE, PERIOD_S), wanted)


def test_the_way_back_in_is_free():
    outside = LIMITS.workspace_upper + 0.01
    twist = np.array([-0.05, -0.05, -0.05, 0.0])
    np.testing.assert_allclose(LIMITS.limit(twist, twist, outside, PERIOD_S), twist)
    assert (LIMITS.limit(-twist, np.zeros(4), outside, 1.0)[:3] <= 0).all()


def test_a_wall_that_comes_too_soon_takes_all_of_the_acceleration():
    step = LIMITS.linear_acceleration * PERIOD_S
    at_the_wall = np.append(CENTRE[:2], LIMITS.workspace_upper[2])
    fast = np.array([0.04, 0.0, 0.1, 0.0])
    kept = LIMITS.limit(fast, fast, at_the_wall, PERIOD_S)
    np.testing.assert_allclose(kept, [0.04, 0.0, 0.1 - step, 0.0], atol=1e-12)
    # What braking leaves of it goes into the wish.
    slow = np.array([0.0, 0.0, step / 2, 0.0])
    kept = LIMITS.limit(np.array([0.1, 0.0, 0.0, 0.0]), slow, at_the_wall, PERIOD_S)
    np.testing.assert_allclose(kept, [step * np.sqrt(0.75), 0.0, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("room_m", [0.0, 1e-4, 0.004, 0.05])
def test_an_axis_brakes_before_the_wall_with_its_part_of_the_acceleration(room_m):
    share = LIMITS.linear_acceleration / np.sqrt(3)
    speed = LIMITS.stoppable(np.full(3, 9.0), LIMITS.workspace_upper - room_m, PERIOD_S)
    back = LIMITS.stoppable(np.full(3, -9.0), LIMITS.workspace_lower + room_m, PERIOD_S)
    np.testing.assert_allclose(back, -speed, atol=1e-9)
    # A tick of travel, then the way of a deceleration to rest.
    np.testing.assert_allclose(speed * PERIOD_S + speed**2 / (2 * share), room_m, atol=1e-12)


def test_braking_and_the_wish_share_the_acceleration_to_its_end():
    step = LIMITS.linear_acceleration * PERIOD_S
    at_the_wall = np.append(CENTRE[:2], LIMITS.workspace_upper[2])
    before, wanted = np.array([0.03, 0.01, step / 2, 0.0]), np.array([-0.1, 0.02, -0.06, 0.0])
    changed = (LIMITS.limit(wanted, before, at_the_wall, PERIOD_S) - before)[:3]
    assert np.linalg.norm(changed) == pytest.approx(step)
    must = np.array([0.0, 0.0, -step / 2])
    np.testing.assert_allclose(np.cross(changed - must, wanted[:3] - before[:3] - must), 0.0, atol=1e-12)


@pytest.fixture(scope="module")
def robot():
    return load_embodiment()


@pytest.fixture(scope="module")
def kinematics(robot):
    return Kinematics(robot)


def test_the_jacobian_is_the_derivative_of_the_tool_position(robot, kinematics):
    q = np.array(robot.arm.posture_rad)
    jacobian = kinematics.tool(q).jacobian
    for joint in range(len(q)):
        step = np.zeros(len(q))
        step[joint] = 1e-6
        change = (kinematics.tool(q + step).position - kinematics.tool(q - step).position) / 2e-6
        np.testing.assert_allclose(jacobian[:3, joint], change, atol=1e-6)


def test_differential_ik_realises_the_twist_with_the_gripper_down(robot, kinematics):
    ik, q = differential_ik(robot), np.array(robot.arm.posture_rad)
    for _ in range(400):  # lets the gripper turn down first
        tool = kinematics.tool(q)
        q = q + 0.02 * ik.joint_velocity(q, tool.jacobian, tool.rotation, np.zeros(4))
    tool = kinematics.tool(q)
    assert tool.rotation[2, 2] < -0.9999
    wanted = np.array([0.03, -0.04, 0.02, 0.3])
    achieved = tool.jacobian @ ik.joint_velocity(q, tool.jacobian, tool.rotation, wanted)
    np.testing.assert_allclose(achieved[[0, 1, 2, 5]], wanted, atol=2e-3)
    np.testing.assert_allclose(achieved[3:5], 0, atol=5e-3)


@settings(deadline=None)
@given(arrays(np.float64, 4, elements=st.floats(-5, 5)), st.integers(0, 2**31))
def test_joint_limits_hold_whatever_is_proposed(wanted, seed):
    robot = load_embodiment()
    kinematics, ik = Kinematics(robot), differential_ik(robot)
    lower, upper, speed = robot.joint_limits
    q = np.random.default_rng(seed).uniform(lower, upper)
    for _ in range(50):
        tool = kinematics.tool(q)
        velocity = ik.joint_velocity(q, tool.jacobian, tool.rotation, wanted)
        assert (np.abs(velocity) <= speed + 1e-9).all()
        q = q + 0.01 * velocity
        assert (q >= lower - 1e-6).all() and (q <= upper + 1e-6).all()
