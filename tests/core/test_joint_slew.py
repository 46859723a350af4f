from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.guard.joint_slew import LARGEST_TURN, RESERVE, STOP_RESERVE, TURN, JointSlew, SlewLimits
from gato_ros.core.guard.motion import MotionLimits
from tests.core.guarded_arm import KINEMATICS, START

TOOL = MotionLimits(
    np.full(3, -1.0),
    np.full(3, 1.0),
    linear_speed=0.1,
    angular_speed=1.0,
    linear_acceleration=2.0,
    angular_acceleration=10.0,
)
LIMITS = SlewLimits(np.array([1.0, 2.0, 3.0]), np.array([20.0, 20.0, 5.0]), TOOL, round_s=0.01)
JACOBIAN = np.vstack([np.diag([0.5, 0.4, 0.0]), np.diag([0.0, 0.0, 1.0])])
DT = 0.01


@pytest.fixture
def slew():
    return JointSlew(LIMITS)


def settle(slew, wanted, ticks=60):
    for _ in range(ticks):
        held_back = slew.follow(wanted, JACOBIAN, DT)
    return held_back


def test_it_comes_to_what_is_wanted_and_says_while_it_is_held_back(slew):
    wanted = np.array([0.1, -0.1, 0.5])
    assert slew.follow(wanted, JACOBIAN, DT) and slew.moving
    assert not settle(slew, wanted)
    np.testing.assert_allclose(slew.velocity, wanted)
    np.testing.assert_allclose(slew.aim_twist(JACOBIAN), [0.05, -0.04, 0.0, 0.5])


def test_it_keeps_the_direction_from_the_first_tick(slew):
    wanted = np.array([0.1, -0.05, 0.2])
    for _ in range(12):
        slew.follow(wanted, JACOBIAN, DT)
        np.testing.assert_allclose(slew.velocity / slew.velocity[0], wanted / wanted[0])


@pytest.mark.parametrize(
    "wanted, bound", [((0.2, 0.0, 0.0), 2.0 / 0.5), ((0.0, 0.0, 0.9), 5.0), ((0.0, 0.2, 0.0), 5.0)]
)
def test_acceleration_and_jerk_of_tool_and_joints(slew, wanted, bound):
    speeds = [0.0]
    for tick in range(40):
        slew.follow(np.array(wanted) * (1 if tick < 20 else -1), JACOBIAN, DT)
        speeds.append(np.abs(slew.velocity).max() * np.sign(slew.velocity.sum()))
    accelerations = np.diff(speeds) / DT
    assert np.abs(accelerations).max() == pytest.approx(bound, rel=1e-6)
    assert np.abs(np.diff(accelerations)).max() / DT <= 2 * bound / (2 * RESERVE * LIMITS.round_s) + 1e-6


def test_without_rounding_it_goes_straight(slew):
    slew = JointSlew(replace(LIMITS, round_s=0.0))
    slew.follow(np.array([0.2, 0.0, 0.0]), JACOBIAN, DT)
    assert slew.velocity[0] == pytest.approx(2.0 / 0.5 * DT)
    assert not slew.ahead().any()
    slew.stop(0.005)
    assert slew.velocity[0] == pytest.approx(0.02 + 0.02 * (1 - 1 / STOP_RESERVE), abs=1e-6)
    slew.follow(np.array([0.2, 0.0, 0.0]), JACOBIAN, DT)
    assert slew.velocity[0] == pytest.approx(0.02 + 0.02 * (1 - 1 / STOP_RESERVE) + 0.04, abs=1e-6)


@pytest.mark.parametrize(
    "velocity, linear, angular",
    [((1.0, 0.0, 0.0), 0.1, 0.0), ((0.1, 0.0, 4.0), 0.0125, 1.0), ((0.1, 0.1, 0.1), 0.0640, 0.1)],
)
def test_the_tool_keeps_its_speeds_and_the_motion_its_direction(slew, velocity, linear, angular):
    velocity = np.array(velocity)
    kept = slew.within_speed(velocity, JACOBIAN)
    np.testing.assert_allclose(np.cross(kept, velocity), 0.0, atol=1e-12)
    twist = JACOBIAN @ kept
    assert np.linalg.norm(twist[:3]) == pytest.approx(linear, abs=1e-4)
    assert np.linalg.norm(twist[3:]) == pytest.approx(angular, abs=1e-4)


def test_a_stop_takes_the_time_it_says_and_its_bounds_hold(slew):
    settle(slew, np.array([0.15, 0.0, 0.3]))
    assert slew.stop_s == pytest.approx(0.3 / 5.0 * STOP_RESERVE + 0.01)
    before, ticks = slew.velocity.copy(), 0
    while slew.moving:
        last = slew.velocity
        slew.stop(DT)
        ticks += 1
        assert (np.abs(slew.velocity) < np.abs(last))[[0, 2]].all()
        assert (np.abs(slew.velocity - last) <= LIMITS.joint_acceleration * DT).all()
        np.testing.assert_allclose(np.cross(slew.velocity, before), 0.0, atol=1e-12)
    assert ticks == 8
    slew.stop(DT)
    assert not slew.moving and slew.stop_s == pytest.approx(0.01)


def test_a_stop_starts_from_no_acceleration_and_motion_goes_on_without_a_jolt(slew):
    wanted, speeds = np.array([0.2, 0.0, 0.0]), []
    for tick in range(30):
        slew.follow(wanted, JACOBIAN, DT) if tick < 10 or tick > 12 else slew.stop(DT)
        speeds.append(slew.velocity[0])
    accelerations = np.diff(speeds) / DT
    assert (accelerations[9:12] < 0.0).all() and accelerations.min() >= -4.0
    assert np.abs(np.diff(accelerations)[9:]).max() <= 4.0 * DT / LIMITS.round_s + 1e-6


@pytest.mark.parametrize("gone_too_fast, left", [(1.0, 0.75), (1.2, 0.0)])
def test_a_tool_that_a_pose_made_too_fast_is_slowed_without_rounding(slew, gone_too_fast, left):
    """`left`: what rounding leaves undone in the first half of `round_s`, of a straight ramp."""
    settle(slew, np.array([0.2, 0.0, 0.0]))
    turned = JACOBIAN.copy()
    turned[0, 0] *= gone_too_fast
    # Between two late ticks the pose changed; what little of the motion can be slowed in 1 ns is not.
    slew.follow(np.array([0.2, 0.0, 0.0]), turned, 1e-9)
    before = slew.velocity[0]
    slew.stop(LIMITS.round_s / 2)
    straight_s = before * turned[0, 0] / TOOL.linear_acceleration * STOP_RESERVE
    lost = LIMITS.round_s / 2 / straight_s * (1.0 - left)
    assert slew.velocity[0] == pytest.approx(before * (1.0 - lost), rel=0.02)


def test_a_motion_that_was_only_thought_of_does_not_draw_the_stop_out(slew):
    settle(slew, np.array([0.2, 0.0, 0.0]))
    whole = JointSlew(LIMITS)
    settle(whole, np.array([0.2, 0.0, 0.0]))
    while whole.moving:
        slew.resume()
        slew.stop(DT)
        whole.stop(DT)
        np.testing.assert_array_equal(slew.velocity, whole.velocity)


def test_what_is_ahead_is_where_the_arm_goes_beyond_its_aim(slew):
    wanted, position = np.array([0.2, 0.0, 0.0]), 0.0
    settle(slew, wanted)
    ahead = slew.ahead()[0]
    assert ahead == pytest.approx(0.2 * 2 * RESERVE * LIMITS.round_s / 2)
    aim = 0.0
    while np.abs(slew.velocity).max() > 1e-12:
        slew.follow(np.zeros(3), JACOBIAN, 0.001)
        position += slew.velocity[0] * 0.001
        aim += slew.aim_twist(JACOBIAN)[0] / 0.5 * 0.001
    assert position == pytest.approx(aim + ahead, abs=2e-4)
    slew.stop(DT)
    assert not slew.ahead().any()


def test_a_jacobian_that_makes_no_sense_does_not_draw_a_stop_out(slew):
    for size in (1e100, 1e154, 1e308):
        settle(slew, np.array([0.2, 0.1, 0.0]))
        with np.errstate(all="ignore"):
            slew.follow(np.zeros(3), (JACOBIAN - 0.5) * size, DT)
            assert slew.stop_s < 0.2
        for _ in range(20):
            slew.stop(DT)
            assert np.isfinite(slew.velocity).all()
        assert not slew.moving


def planar(q: np.ndarray) -> np.ndarray:
    """[6 3] of three links of 0.5, 0.5 and 0.1 m that turn in one plane."""
    angles = np.cumsum(q)
    links = np.array([0.5, 0.5, 0.1])[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    levers = links[::-1].cumsum(axis=0)[::-1]
    return np.vstack([-levers[:, 1], levers[:, 0], np.zeros((3, 3)), np.ones(3)])


FOLDED, UNFOLDING = np.array([0.1, 2.9, 0.0]), np.array([-1.2, 1.2, 1.0])
"""The arm is nearly folded: all of this moves the tool slowly, and soon no longer."""


def test_what_a_pose_makes_fast_is_slowed_before_it_is_fast(slew):
    slow = replace(LIMITS, joint_speed=np.full(3, 3.0), joint_acceleration=np.full(3, 5.0))
    for velocity in (UNFOLDING, -UNFOLDING):
        kept, here = JointSlew(slow).stoppable(velocity, planar(FOLDED)), planar(FOLDED)
        np.testing.assert_allclose(np.cross(kept, velocity), 0.0, atol=1e-12)
        end = planar(FOLDED + kept * np.abs(kept).max() / 5.0 / 2)
        assert np.linalg.norm(here[:3] @ kept) < TOOL.linear_speed
        assert np.linalg.norm(end[:3] @ kept) < 1.1 * TOOL.linear_speed < np.linalg.norm(end[:3] @ velocity)
    tiny = UNFOLDING * 1e-3
    assert JointSlew(slow).stoppable(tiny, planar(FOLDED)) is tiny


@pytest.mark.parametrize("rows, slack", [(slice(3), (1.0, 9.0)), (slice(3, 6), (9.0, 1.0))])
def test_the_pose_at_the_end_of_a_stop_decides(rows, slack):
    """Reckoned anew on the Sawyer: the Jacobian's derivative by differences, the stop's time by its parts."""
    rng, scaled = np.random.default_rng(2), 0
    for _ in range(60):
        q, velocity = START + rng.normal(size=7) * 0.3, rng.normal(size=7)
        here = KINEMATICS.tool(q).jacobian
        speeds = [float(np.linalg.norm((here @ velocity)[part])) for part in (slice(3), slice(3, 6))]
        tool = replace(
            TOOL,
            linear_speed=speeds[0] * slack[0] * 1.001,
            linear_acceleration=4.0 * speeds[0],
            angular_speed=speeds[1] * slack[1] * 1.001,
            angular_acceleration=6.0 * speeds[1],
        )
        slew = JointSlew(SlewLimits(np.full(7, 9.0), np.full(7, 60.0), tool, 0.03))
        way_s = (max(0.25, np.abs(velocity).max() / 60.0) * STOP_RESERVE + 0.03) / 2
        ahead, behind = (KINEMATICS.tool(q + sign * 1e-6 * velocity).jacobian for sign in (1, -1))
        end = (here + (ahead - behind) / 2e-6 * way_s) @ velocity
        most = TURN * (tool.linear_speed if rows.start is None else tool.angular_speed)
        share = min(1.0, most / np.linalg.norm(end[rows]))
        np.testing.assert_allclose(slew.stoppable(velocity, here), velocity * share, rtol=1e-6)
        scaled += share < 0.97
    assert scaled > 3


@pytest.mark.parametrize("dt", [0.015, 0.02])
def test_a_stop_is_not_drawn_out_further_than_its_poses_ask_for(dt):
    tool = replace(TOOL, angular_speed=9.0, angular_acceleration=1e3, linear_acceleration=0.5)
    slew = JointSlew(replace(LIMITS, joint_speed=np.full(3, 3.0), joint_acceleration=np.full(3, 50.0), tool=tool))
    q = np.array([0.1, 2.6, 1.5])
    still = np.cross(*planar(q)[:2])
    for _ in range(60):
        slew.follow(still * 2.4 / np.abs(still).max(), planar(q), DT)
    velocity, known_s = slew.velocity, slew.stop_s
    needed_s, gone_s = known_s, -dt
    while gone_s < needed_s / 2:
        gone_s += 0.001
        speed = np.linalg.norm(planar(q + velocity * (gone_s + dt))[:3] @ velocity)
        needed_s = max(needed_s, speed / tool.linear_acceleration * STOP_RESERVE + LIMITS.round_s)
    lasted_s = dt
    slew.stop(dt)
    while slew.moving:
        slew.stop(0.001)
        lasted_s += 0.001
    assert needed_s > 1.1 * known_s
    assert lasted_s == pytest.approx(needed_s, rel=0.2)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("ticks", [0.1, 1.0, 3.0])
def test_a_stop_lasts_as_long_as_the_poses_on_its_way_ask_for(sign, ticks):
    tool = replace(TOOL, angular_speed=9.0, angular_acceleration=1e3, linear_acceleration=0.5)
    slew = JointSlew(replace(LIMITS, joint_speed=np.full(3, 3.0), joint_acceleration=np.full(3, 50.0), tool=tool))
    q = np.array([0.1, 2.6, 1.5])
    still = np.cross(*planar(q)[:2])  # moves everything but the tool, as long as it is here
    still *= 2.4 / np.abs(still).max() * sign
    for _ in range(60):
        slew.follow(still, planar(q), DT)
    changes, known_s, passed_s = [], slew.stop_s, ticks * DT
    assert np.linalg.norm(planar(q)[:3] @ slew.velocity) < 1e-3
    while slew.moving:
        q, last = q + slew.velocity * passed_s, slew.velocity
        slew.stop(passed_s)
        changes.append(np.linalg.norm(planar(q)[:3] @ (slew.velocity - last)) / passed_s)
    assert 0.7 * tool.linear_acceleration < max(changes) <= 1.05 * tool.linear_acceleration
    assert len(changes) * passed_s > 1.1 * known_s  # which knows the first pose only


def test_no_pose_draws_a_stop_out_without_end():
    """Fast joints, and a Jacobian that grows as it is turned: the bound on what a pose can do grows, too.

    The tool is far too fast from the start, so the stop is not rounded.
    """
    for size in (1.0, 1e3, 1e100):
        slew = JointSlew(replace(LIMITS, joint_speed=np.full(3, 9.0), joint_acceleration=np.full(3, 50.0)))
        slew.velocity = np.array([9.0, -9.0, 9.0])
        slew._jacobian = planar(FOLDED) * size
        slew.stop(0.001)
        lasted_s = 0.001
        while slew.moving and lasted_s < 2.0:
            slew.stop(0.001)
            lasted_s += 0.001
        assert lasted_s == pytest.approx(0.3 * STOP_RESERVE, abs=0.002)


def test_a_pose_makes_the_tool_no_faster_than_its_reach_allows():
    """2 m times the square of all joint speeds, per second, however large a Jacobian that makes no sense has it."""
    tool = replace(TOOL, angular_speed=9.0, angular_acceleration=1e3, linear_acceleration=1.0)
    slew = JointSlew(replace(LIMITS, joint_acceleration=np.full(3, 50.0), tool=tool, round_s=0.01))
    for rad_s in (0.5, 1.0):
        part = np.array([0.25, -0.5, 0.25]) * rad_s
        slew.velocity, slew._jacobian, slew._ramp = part, planar(FOLDED) * 1e6, None
        speed = LARGEST_TURN * tool.linear_speed
        assert slew.stop_s == pytest.approx(speed * STOP_RESERVE + 0.01)
        gone_s, straight_s = 0.0, speed
        while gone_s < 0.001 + (straight_s * STOP_RESERVE + 0.01) / 2:
            gone_s += 0.02
            straight_s = min(speed + 2.0 * rad_s**2 * gone_s, 0.3)
        slew.stop(0.001)
        assert slew._ramp.straight_s == pytest.approx(straight_s * STOP_RESERVE)


def test_a_pose_that_makes_the_tool_slower_draws_nothing_out():
    tool = replace(TOOL, angular_speed=9.0, angular_acceleration=1e3, linear_acceleration=0.5)
    slew = JointSlew(replace(LIMITS, joint_speed=np.full(3, 3.0), joint_acceleration=np.full(3, 50.0), tool=tool))
    q = np.array([0.1, 2.6, 1.5])
    still = np.cross(*planar(q)[:2])
    still *= 1.5 / np.abs(still).max()
    q -= still * 0.18  # on the way to where it moves the tool no longer
    for _ in range(60):
        slew.follow(still, planar(q), DT)
    known_s, lasted_s = slew.stop_s, 0.0
    while slew.moving:
        slew.stop(0.001)
        lasted_s += 0.001
    assert known_s > 0.1 and lasted_s == pytest.approx(known_s, abs=0.002)


def test_the_tools_turn_comes_and_goes_with_its_own_acceleration():
    for acceleration in (2.0, 4.0):
        tool = replace(TOOL, angular_acceleration=acceleration, angular_speed=0.5)
        slew = JointSlew(replace(LIMITS, joint_acceleration=np.full(3, 99.0), tool=tool, round_s=0.0))
        slew.follow(np.array([0.0, 0.0, 0.4]), JACOBIAN, DT)
        assert slew.velocity[2] == pytest.approx(acceleration * DT)
        settle(slew, np.array([0.0, 0.0, 0.4]))
        assert slew.stop_s == pytest.approx(0.4 / acceleration * STOP_RESERVE)
        slew.follow(np.array([0.0, 0.0, 0.4]), JACOBIAN * 1e6, DT)
        assert slew.stop_s == pytest.approx(LARGEST_TURN * 0.5 / acceleration * STOP_RESERVE)


def test_no_joint_is_commanded_beyond_its_speed(slew):
    settle(slew, np.array([0.0, 0.0, 3.0]), 200)
    assert slew.velocity[2] == pytest.approx(1.0)  # the tool's own
    none = np.zeros((6, 3))
    for _ in range(200):
        slew.follow(np.array([9.0, 0.0, -9.0]), none, DT)
    np.testing.assert_array_equal(slew.velocity, [1.0, 0.0, -3.0])
