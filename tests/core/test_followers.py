"""From the values of an action to the joint velocities that they ask for."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.guard.following.joints import JointPositionFollower, JointVelocityFollower
from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.following.twist import COMPONENTS, TwistFollower
from gato_ros.core.guard.proposal import Proposal
from gato_ros.embodiments.guard import tool_room
from gato_ros.embodiments.kinematics import Kinematics, differential_ik
from tests.core.other_arms import INSIDE, arm_of

ROBOT = arm_of("twist_base")
KINEMATICS, IK = Kinematics(ROBOT), differential_ik(ROBOT)
Q = np.array(INSIDE[7])


def situation(q=Q, ahead=None, way=None, now_s=1.0, gain=20.0) -> Situation:
    state = KINEMATICS.state(np.array(q), np.zeros(7), 0.0, 0.0)
    ahead = np.zeros(7) if ahead is None else ahead
    return Situation(state, ahead, gain, IK, ROBOT.motion_limits, tool_room(ROBOT), way, now_s)


def proposal(values, stamp_s=1.0, source="policy") -> Proposal:
    return Proposal(np.array(values, np.float64), 0.02, stamp_s, stamp_s, source)


def twist_of(velocity, q=Q) -> np.ndarray:
    return KINEMATICS.tool(np.array(q)).jacobian @ velocity


def test_a_situation_is_where_what_is_smoothed_already_leads():
    ahead = np.array([0.004, -0.003, 0.002, 0.005, -0.004, 0.003, 0.006])
    now, later = situation(ahead=ahead), KINEMATICS.tool(Q + ahead)
    np.testing.assert_allclose(now.position, later.position, atol=1e-4)
    np.testing.assert_allclose(now.rotation, later.rotation, atol=1e-4)
    assert now.attitude.tilt == pytest.approx(tool_room(ROBOT).orientation.at(later.rotation).tilt, abs=1e-4)
    assert replace(now, room=replace(now.room, orientation=None)).attitude is None
    way = JointWay(np.zeros(1), np.zeros(1), 1.0, 2.0, 3.0, "policy")
    assert now.on(way).way is way and now.way is None and now.on(way).position is now.position


def test_joint_velocities_go_to_their_joints_and_the_others_stand():
    follower = JointVelocityFollower(np.array([6, 0]))
    assert follower.begin(proposal([0.1, 0.2]), None, situation()) is None
    velocity, limits = follower.wanted(np.array([0.1, 0.2]), 0.5, situation())
    np.testing.assert_array_equal(velocity, [0.1, 0, 0, 0, 0, 0, 0.05])
    assert limits == ()


def test_a_target_is_gone_to_in_its_time_and_then_closed_in_on():
    follower = JointPositionFollower(np.array([1, 2]), False, 0.1)
    way = follower.begin(proposal([Q[1] + 0.02, Q[2] - 0.01]), None, situation())
    np.testing.assert_allclose(way.target - way.start, [0.02, -0.01])
    velocity, _ = follower.wanted(np.zeros(2), 1.0, situation(way=way, now_s=1.05))
    np.testing.assert_allclose(velocity, [0, 0.2, -0.1, 0, 0, 0, 0], atol=1e-12)
    half = Q + np.array([0, 0.01, -0.005, 0, 0, 0, 0])
    for now_s in (1.1, 1.5, 0.5):  # also where a clock has gone back
        velocity, _ = follower.wanted(np.zeros(2), 0.5, situation(half, way=way, now_s=now_s))
        np.testing.assert_allclose(velocity[1:3], 0.5 * np.array([0.1, -0.05]), atol=1e-12)


def test_a_target_is_never_passed_and_never_left():
    follower = JointPositionFollower(np.array([1]), False, 0.1)
    way = follower.begin(proposal([Q[1] + 0.02]), None, situation())
    near = Q + np.array([0, 0.0195, 0, 0, 0, 0, 0])
    assert follower.wanted(np.zeros(1), 1.0, situation(near, way=way, now_s=1.05))[0][1] == pytest.approx(0.0005 * 20)
    behind = Q + np.array([0, 0.021, 0, 0, 0, 0, 0])
    assert follower.wanted(np.zeros(1), 1.0, situation(behind, way=way, now_s=1.05))[0][1] == pytest.approx(
        0.0, abs=1e-12
    )
    assert follower.wanted(np.zeros(1), 1.0, situation(behind, way=way, now_s=1.2))[0][1] == pytest.approx(-0.001 / 0.1)


def test_what_is_smoothed_already_counts_as_gone():
    follower, ahead = JointPositionFollower(np.array([1]), False, 0.1), np.array([0, 0.005, 0, 0, 0, 0, 0])
    way = follower.begin(proposal([Q[1] + 0.02]), None, situation(ahead=ahead))
    assert way.start[0] == pytest.approx(Q[1] + 0.005)
    velocity, _ = follower.wanted(np.zeros(1), 1.0, situation(ahead=ahead, way=way, now_s=2.0))
    assert velocity[1] == pytest.approx(0.015 / 0.1)


def test_a_way_lasts_as_long_as_its_proposal():
    follower = JointPositionFollower(np.array([1]), False, 0.1)
    way = follower.begin(proposal([0.1]), None, situation())
    assert follower.begin(proposal([0.1]), way, situation(now_s=1.3)) is way
    for other in (proposal([0.1], 1.05), proposal([0.1], source="human")):
        assert follower.begin(other, way, situation(now_s=1.3)).since_s == 1.3


def test_a_delta_counts_from_where_the_joints_are_and_keeps_what_is_left():
    follower = JointPositionFollower(np.array([1, 2]), True, 0.05)
    first = follower.begin(proposal([0.02, -0.01]), None, situation())
    np.testing.assert_allclose(first.target, Q[1:3] + [0.02, -0.01])
    gone = Q + np.array([0, 0.015, -0.01, 0, 0, 0, 0])
    second = follower.begin(proposal([0.02, -0.01], 1.05), first, situation(gone))
    np.testing.assert_allclose(second.target, Q[1:3] + [0.04, -0.02])
    # An arm that was held up is owed no more than one step.
    third = follower.begin(proposal([0.001, 0.0], 1.1), second, situation(gone))
    np.testing.assert_allclose(third.target, gone[1:3] + [0.002, 0.0], atol=1e-12)


def test_a_target_beyond_all_ends_is_the_end_and_more():
    follower = JointPositionFollower(np.arange(7), False, 0.1)
    way = follower.begin(proposal(np.full(7, 1e308)), None, situation())
    np.testing.assert_allclose(way.target, IK.position_upper + 1.0)
    np.testing.assert_allclose(
        follower.begin(proposal(np.full(7, -1e308)), None, situation()).target, IK.position_lower - 1.0
    )
    assert np.isfinite(follower.wanted(np.zeros(7), 1.0, situation(way=way))[0]).all()


@pytest.mark.parametrize("in_tool", [False, True])
def test_a_twist_of_six_is_that_of_the_tool(in_tool):
    follower = TwistFollower(np.arange(6), in_tool, "held")
    values = np.array([0.02, -0.01, 0.03, 0.1, -0.2, 0.15])
    velocity, limits = follower.wanted(values, 0.5, situation())
    axes = KINEMATICS.tool(Q).rotation if in_tool else np.eye(3)
    expected = 0.5 * np.append(axes @ values[:3], axes @ values[3:])
    np.testing.assert_allclose(twist_of(velocity), expected, atol=2e-3)
    assert limits == () and follower.begin(proposal(values), None, situation()) is None


def test_components_that_are_not_listed_are_held_or_free_or_point_down():
    listed = np.array([COMPONENTS.index(name) for name in ("vx", "wz")])
    values, tilted = np.array([0.03, 0.1]), Q + np.array([0, 0, 0, 0, 0, 0.1, 0])
    held, _ = TwistFollower(listed, False, "held").wanted(values, 1.0, situation(tilted))
    np.testing.assert_allclose(twist_of(held, tilted), [0.03, 0, 0, 0, 0, 0.1], atol=2e-3)
    down, _ = TwistFollower(listed, False, "down").wanted(values, 1.0, situation(tilted))
    assert twist_of(down, tilted)[0] == pytest.approx(0.03, abs=2e-3)
    assert np.abs(twist_of(down, tilted)[3:5]).max() > 0.2, "the tool turns back down"
    usual, _ = TwistFollower(np.array([0, 1, 2, 5]), False, "down").wanted(
        np.array([0.03, -0.02, 0.01, 0.1]), 1.0, situation()
    )
    np.testing.assert_allclose(twist_of(usual)[[0, 1, 2, 5]], [0.03, -0.02, 0.01, 0.1], atol=2e-3)
    free, _ = TwistFollower(listed, False, "free").wanted(values, 1.0, situation(tilted))
    done = twist_of(free, tilted)
    np.testing.assert_allclose(done[listed], values, atol=2e-3)
    assert np.abs(np.delete(done, listed)).max() > 0.01 and np.linalg.norm(free) < np.linalg.norm(held)
    still, _ = TwistFollower(listed, False, "free").wanted(np.zeros(2), 1.0, situation(tilted))
    assert np.abs(twist_of(still, tilted)).max() < 2e-3, "the posture draws the elbow, and not the tool"


def test_free_components_are_those_of_the_tool_s_axes():
    listed = np.array([COMPONENTS.index(name) for name in ("vz", "wz")])
    velocity, _ = TwistFollower(listed, True, "free").wanted(np.array([0.02, 0.1]), 1.0, situation())
    rotation = KINEMATICS.tool(Q).rotation
    done = twist_of(velocity)
    assert (rotation.T @ done[:3])[2] == pytest.approx(0.02, abs=1e-3)
    assert (rotation.T @ done[3:])[2] == pytest.approx(0.1, abs=2e-3)


def test_too_fast_a_twist_is_capped_in_its_own_direction_and_named():
    follower, limits = TwistFollower(np.arange(6), True, "held"), ROBOT.motion_limits
    velocity, said = follower.wanted(np.array([1e308, 0, 0, 0, -50.0, 0]), 1.0, situation())
    done = twist_of(velocity)
    rotation = KINEMATICS.tool(Q).rotation
    np.testing.assert_allclose(rotation.T @ done[:3], [limits.linear_speed, 0, 0], atol=5e-3)
    np.testing.assert_allclose(rotation.T @ done[3:], [0, -limits.angular_speed, 0], atol=2e-2)
    assert said == ("speed",)


def test_a_way_is_its_proposal_s():
    way = JointWay(np.zeros(1), np.zeros(1), 1.0, 2.0, 3.0, "policy")
    assert way.leads_to(Proposal(np.zeros(1), 0.0, 2.0, 3.0))
    assert not way.leads_to(Proposal(np.zeros(1), 0.0, 2.5, 3.0))
    assert not way.leads_to(Proposal(np.zeros(1), 0.0, 2.0, 3.5))
