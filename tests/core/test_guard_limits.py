"""What the guard keeps the arm from, seen from outside; every reason is named in the verdict."""

import math
from dataclasses import is_dataclass, replace

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.arbiter import Choice
from gato_ros.core.guard.clearance import Clearance
from gato_ros.core.guard.differential_ik import DifferentialIk
from gato_ros.core.guard.following.joints import JointPositionFollower, JointVelocityFollower
from gato_ros.core.guard.following.orientation import OrientationLimits
from gato_ros.core.guard.following.room import ToolRoom
from gato_ros.core.guard.following.situation import JointWay, Situation
from gato_ros.core.guard.following.twist import TwistFollower
from gato_ros.core.guard.guard import Guard
from gato_ros.core.guard.joint_slew import SlewLimits
from gato_ros.core.guard.motion import MotionLimits
from gato_ros.core.guard.settings import PARTS, GuardSettings
from gato_ros.core.guard.singularity import SingularityLimits
from gato_ros.core.guard.stop_ramp import StopRamp
from gato_ros.core.guard.verdict import Level
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.embodiments.guard import guard_limits
from gato_ros.embodiments.kinematics import differential_ik
from tests.core.guarded_arm import CLOCK_AHEAD_S, KINEMATICS, LIMITS, ROBOT, START, TICK_S, Arm, proposal, robot_state
from tests.core.test_singularity import smallest, stretched

LOWER, UPPER, _ = ROBOT.joint_limits
CENTRE = (LIMITS.workspace_lower + LIMITS.workspace_upper) / 2


@pytest.mark.parametrize(
    "kind",
    [
        Choice,
        Clearance,
        DifferentialIk,
        Instant,
        JointPositionFollower,
        JointVelocityFollower,
        JointWay,
        MotionLimits,
        OrientationLimits,
        Sample,
        SingularityLimits,
        Situation,
        SlewLimits,
        StopRamp,
        ToolRoom,
        TwistFollower,
    ],
    ids=lambda kind: kind.__name__,
)
def test_what_the_guard_computes_with_is_a_value(kind):
    assert is_dataclass(kind) and kind.__dataclass_params__.frozen


def tool_twists(arm, ticks, twist) -> np.ndarray:
    """[ticks 6] of the tool."""
    found = []
    for _ in range(ticks):
        jacobian = KINEMATICS.tool(arm.q).jacobian
        found.append(jacobian @ arm.follow(1, twist=twist)[0].joint_velocity)
    return np.array(found)


@pytest.mark.fault("C3")
def test_accelerations_come_and_go_within_the_jerk():
    arm, speeds = Arm().arm(), [np.zeros(6)]
    for twist in ((0.07, 0.0, 0.0, 1.0), (-0.07, 0.0, 0.05, -1.0), (0.0, 0.0, 0.0, 0.0)):
        speeds += list(tool_twists(arm, 30, twist))
    for tick in range(10):  # from full acceleration into full deceleration
        speeds += list(tool_twists(arm, 3, np.array((0.1, 0.0, 0.0, 1.0)) * (-1) ** tick))
    accelerations = np.diff(speeds, axis=0) / TICK_S
    jerks = np.diff(accelerations, axis=0) / TICK_S
    assert np.linalg.norm(accelerations[:, :3], axis=1).max() == pytest.approx(2.0, rel=0.02)
    assert 140.0 < np.linalg.norm(jerks[:, :3], axis=1).max() <= ROBOT.guard.linear_jerk_m_s3
    assert 700.0 < np.abs(jerks[:, 5]).max() <= ROBOT.guard.angular_jerk_rad_s3


def test_without_the_jerk_limit_the_arm_does_what_the_simulator_s_loop_does():
    arm, ik = Arm(off=("jerk",)).arm(), differential_ik(ROBOT)
    q, twist, rng = START.copy(), np.zeros(4), np.random.default_rng(3)
    for _ in range(20):
        wanted = rng.uniform(ROBOT.action_lower[:4], ROBOT.action_upper[:4])
        for _ in range(5):
            tool = KINEMATICS.tool(q)
            twist = LIMITS.limit(wanted, twist, tool.position, TICK_S)
            q = q + ik.joint_velocity(q, tool.jacobian, tool.rotation, twist) * TICK_S
            arm.follow(1, twist=wanted)
            # The leak of the null space into the tool counts as acceleration here.
            np.testing.assert_allclose(KINEMATICS.tool(arm.q).position, KINEMATICS.tool(q).position, atol=3e-5)


@pytest.mark.parametrize(
    "twist",
    [
        (3.0, -4.0, 0.0, 0.0),
        (1e308, 1e308, 0.0, 0.0),
        (5e-324, 0.0, 0.0, 0.0),
        (0.03, 0.02, 0.01, 0.2),
        (1e-3, 1e3, 0.0, 0.0),
    ],
)
def test_a_wish_of_any_size_keeps_its_direction(twist):
    arm = Arm().arm()
    found = tool_twists(arm, 20, twist)[5:, :3]
    wish = np.array(twist[:3]) / np.abs(twist[:3]).max()
    if np.linalg.norm(twist[:3] if max(twist) < 1e300 else wish) < 1e-9:
        assert np.abs(found).max() < 1e-4  # the arm draws towards its posture
        return
    for velocity in found:
        assert velocity @ wish / np.linalg.norm(velocity) / np.linalg.norm(wish) > 0.9995
    fast = np.abs(twist[:3]).max() > 0.1
    speed = LIMITS.linear_speed if fast else np.linalg.norm(twist[:3])
    assert np.linalg.norm(found[-1]) == pytest.approx(speed, rel=0.02)
    assert ("speed" in arm.verdicts[-1].reasons) == fast


@pytest.mark.fault("C4")
def test_a_stop_next_to_a_wall_ends_inside():
    for axis, sign in ((0, 1.0), (1, -1.0), (2, -1.0)):
        arm, twist = Arm().arm(), np.array([0.0, 0.0, 0.0, 1.0])
        twist[axis] = 0.12 * sign
        for _ in range(300):
            arm.follow(1, twist=twist * (1, 1, 1, arm.q[6] < 1.0))
            probe, command = arm.q.copy(), arm.commands[-1].joint_velocity
            # Whatever happened now, the ramp would take at most this long.
            jacobian = KINEMATICS.tool(probe).jacobian
            speed, turn = np.linalg.norm(jacobian[:3] @ command), np.linalg.norm(jacobian[3:] @ command)
            stop_s = max(speed / 2.0, turn / 10.0, np.abs(command).max() / 20.0) * 1.05 + 0.01
            end = KINEMATICS.tool(probe + command * stop_s / 2).position
            assert (end > LIMITS.workspace_lower - 1e-3).all() and (end < LIMITS.workspace_upper + 1e-3).all()
        assert "workspace" in arm.verdicts[-1].reasons


def at_the_wall(by_m: float) -> np.ndarray:
    """[joints] with the tool so far beyond the upper wall in y, gripper down."""
    ik, q = differential_ik(ROBOT), START.copy()
    goal = np.array([CENTRE[0], LIMITS.workspace_upper[1] + by_m, CENTRE[2]])
    for _ in range(1000):
        tool = KINEMATICS.tool(q)
        q = q + 0.02 * ik.joint_velocity(q, tool.jacobian, tool.rotation, np.append(goal - tool.position, 0.0) * 3)
    return q


@pytest.mark.parametrize("twist", [(0.06, 0.0, 0.0, 0.0), (-0.06, 0.05, 0.0, 0.0), (0.0, 0.0, 0.05, 1.0)])
def test_outside_the_workspace_a_little_of_the_motion_brings_the_tool_back(twist):
    arm, wall = Arm(at_the_wall(0.003)).arm(), LIMITS.workspace_upper[1]
    beyond = [KINEMATICS.tool(arm.q).position[1] - wall]
    assert beyond[0] == pytest.approx(0.003, abs=1e-3)
    for _ in range(100):
        jacobian, (command, _) = KINEMATICS.tool(arm.q).jacobian, arm.follow(1, twist=twist)
        inwards = -(jacobian[1] @ command.joint_velocity)
        assert -5e-4 < inwards < 0.055 * LIMITS.linear_speed
        beyond.append(KINEMATICS.tool(arm.q).position[1] - wall)
    assert beyond[-1] < 5e-4
    assert "workspace" in arm.verdicts[-95].reasons


@pytest.mark.parametrize("by_m, speed, most_m", [(0.003, 0.0, 1e-4), (0.003, 0.001, 3e-4), (0.2, 0.06, 0.004)])
def test_what_brings_the_tool_back_is_a_part_of_the_proposal(by_m, speed, most_m):
    arm = Arm(at_the_wall(by_m)).arm()
    before = KINEMATICS.tool(arm.q).position[1]
    arm.follow(100, twist=(speed, 0.0, 0.0, 0.0))
    assert abs(KINEMATICS.tool(arm.q).position[1] - before) < most_m


@pytest.mark.fault("S9")
def test_a_joint_position_that_jumps_latches_in_that_tick():
    arm = Arm().arm()
    arm.follow(20)
    jumped = arm.q + np.eye(7)[3] * 0.3
    command, verdict = arm.tick(proposal(arm.now_s + TICK_S), robot_state(jumped, arm.now_s + TICK_S))
    assert verdict.level is Level.LATCHED and verdict.reasons[0] == "joint_position_jump"
    assert arm.tool_speed(command) < arm.tool_speed(arm.commands[-2])
    calm = Arm(off=("joint_jump",)).arm()
    calm.follow(20)
    assert calm.tick(proposal(calm.now_s + TICK_S), robot_state(jumped, calm.now_s + TICK_S))[1].following


def outside(joint: int, by: float) -> np.ndarray:
    q = START.copy()
    q[joint] = UPPER[joint] + by
    return q


@pytest.mark.fault("S10")
def test_a_joint_outside_its_limits_only_comes_back():
    arm = Arm(q=outside(6, 0.05)).arm()
    arm.follow(20, twist=(0.0, 0.0, 0.0, 0.0))
    assert "outside_joint_range" in arm.verdicts[-1].reasons and arm.verdicts[-1].level is Level.LIMITED
    assert arm.commands[-1].joint_velocity[6] < 0.0
    turn_out = (0.0, 0.0, 0.0, -1.0) if KINEMATICS.tool(arm.q).jacobian[5, 6] < 0 else (0.0, 0.0, 0.0, 1.0)
    command, verdict = arm.follow(1, twist=turn_out)
    for _ in range(15):
        command, verdict = arm.follow(1, twist=turn_out)
    assert verdict.level is Level.LATCHED and verdict.reasons[0] == "outside_joint_range"
    assert not command.joint_velocity.any()


@pytest.mark.fault("C5")
def test_joints_stop_before_their_ends():
    arm = Arm().arm()
    for _ in range(400):
        arm.follow(1, twist=(0.0, 0.0, 0.0, 1.0))
        assert (arm.q < UPPER + 1e-6).all() and (arm.q > LOWER - 1e-6).all()
    assert "joints" in arm.verdicts[-1].reasons
    assert min(abs(arm.q[6] - UPPER[6]), abs(arm.q[6] - LOWER[6])) < 0.02


@pytest.mark.fault("C6")
def test_the_arm_slows_before_a_singularity_and_says_so():
    q, towards = stretched(0.065)
    arm = Arm(q=q, off=("workspace", "clearance")).arm()
    twist = KINEMATICS.tool(q).jacobian @ towards
    arm.follow(400, twist=tuple(0.1 * twist[[0, 1, 2]] / np.linalg.norm(twist[:3])) + (0.0,))
    reasons = {reason for verdict in arm.verdicts for reason in verdict.reasons}
    assert "singularity" in reasons and smallest(arm.q) > 0.019
    free = Arm(q=q, off=("workspace", "clearance", "singularity")).arm()
    free.follow(50, twist=(0.1, 0.0, 0.0, 0.0))
    assert "singularity" not in {reason for verdict in free.verdicts for reason in verdict.reasons}


@pytest.mark.fault("C8")
def test_the_hand_keeps_its_distance_from_a_table_and_says_so():
    high = guard_limits(ROBOT)
    # A table that the workspace knows nothing of: half way down.
    clearance = replace(high.clearance, table_height_m=float(CENTRE[2]) + 0.02)
    arm = Arm(q=START)
    arm.guard = Guard(
        LIMITS, differential_ik(ROBOT), GuardSettings(ROBOT.gripper.stroke_m), replace(high, clearance=clearance)
    )
    arm.tick()
    arm.arm()
    arm.follow(300, twist=(0.0, 0.0, -0.1, 0.0))
    gap = clearance.gaps(robot_state(arm.q, 0.0).capsule_ends).min()
    assert gap == pytest.approx(clearance.distance_m, abs=1e-3) and "clearance" in arm.verdicts[-1].reasons
    assert arm.tool_speed(arm.commands[-1]) < 1e-3
    arm.follow(20, twist=(0.0, 0.0, 0.1, 0.0))
    assert arm.tool_speed(arm.commands[-1]) == pytest.approx(0.1, rel=0.05)


def test_a_state_without_the_capsules_is_refused_where_they_are_checked():
    arm = Arm().arm()
    bare = replace(robot_state(arm.q, arm.now_s + TICK_S), capsule_ends=None, capsule_jacobians=None)
    assert arm.tick(proposal(arm.now_s + TICK_S), bare)[1].reasons == ("state_without_capsules",)
    half = replace(robot_state(arm.q, arm.now_s + TICK_S), capsule_jacobians=None)
    assert arm.tick(proposal(arm.now_s + TICK_S), half)[1].reasons == ("state_without_capsules",)
    free = Arm(off=("clearance",)).arm()
    bare = replace(robot_state(free.q, free.now_s + TICK_S), capsule_ends=None, capsule_jacobians=None)
    assert free.tick(proposal(free.now_s + TICK_S), bare)[1].following


@pytest.mark.fault("G1")
def test_a_robot_that_says_nothing_for_long_is_gone():
    arm = Arm().arm()
    arm.follow(20)
    last = robot_state(arm.q, arm.now_s)
    for tick in range(1, 45):
        _, verdict = arm.tick(proposal(arm.now_s + TICK_S), last)
        if tick == 38:
            assert verdict.level is Level.STOPPING and verdict.reasons == ("stale_state",)
    assert verdict.level is Level.LATCHED and verdict.reasons[0] == "robot_gone"


def test_parts_that_are_off_are_named_in_every_verdict_and_unknown_ones_refused():
    arm = Arm(off=("workspace", "gripper_dwell")).arm()
    assert arm.follow(1)[1].off == ("workspace", "gripper_dwell") == arm.tick(None)[1].off == arm.guard.off
    for _ in range(500):
        arm.follow(1, twist=(0.0, 0.0, 0.1, 0.0))
    assert KINEMATICS.tool(arm.q).position[2] > LIMITS.workspace_upper[2] + 0.05
    assert arm.follow(1, opening_m=0.0)[0].gripper_opening_m == 0.0
    assert arm.follow(1, opening_m=0.08)[0].gripper_opening_m == 0.08
    with pytest.raises(SetupError, match="did you mean 'singularity'"):
        Arm(off=("singularty",))
    assert Arm().guard.off == () and "jerk" in PARTS


def test_without_the_joint_range_the_joints_still_keep_their_speeds():
    arm = Arm(off=("joint_range", "singularity", "clearance", "workspace")).arm()
    for _ in range(300):
        arm.follow(1, twist=(0.12, 0.0, 0.0, 1.0))
        assert (np.abs(arm.commands[-1].joint_velocity) <= ROBOT.joint_limits[2] + 1e-12).all()
    assert arm.verdicts[-1].following


@pytest.mark.fault("C9")
def test_the_gripper_does_not_chatter():
    arm, turned = Arm().arm(), 0
    for tick in range(100):
        before = arm.commands[-1].gripper_opening_m
        arm.follow(1, opening_m=0.08 * (tick % 2))
        turned += before is not None and arm.commands[-1].gripper_opening_m != before
    assert 5 <= turned <= 7 and any("gripper_dwell" in verdict.reasons for verdict in arm.verdicts)


@pytest.mark.fault("T10")
def test_steps_in_a_burst_repeat_the_command_and_lose_no_time():
    arm, other = Arm().arm(), Arm().arm()
    for _ in range(10):
        for _ in range(20):
            arm.now_s += 0.0005001 - TICK_S
            arm.follow(1)
            arm.q = START.copy()
        other.follow(1)
        other.q = START.copy()
    np.testing.assert_allclose(arm.commands[-1].joint_velocity, other.commands[-1].joint_velocity, rtol=0.02)
    changed = [not np.array_equal(a.joint_velocity, b.joint_velocity) for a, b in zip(arm.commands, arm.commands[1:])]
    assert sum(changed[1:41]) == 20


@pytest.mark.parametrize("steady_s, step_s", [(math.nan, 0.0), (math.inf, 0.0), (-math.inf, 0.0), (5.0, -1.0)])
def test_a_steady_clock_that_makes_no_sense_stops_the_arm_and_does_not_hold_the_stop_up(steady_s, step_s):
    arm = Arm().arm()
    arm.follow(30)
    for tick in range(15):
        now = Instant(steady_s + step_s * tick, CLOCK_AHEAD_S + arm.now_s)
        command, verdict = arm.guard.step(proposal(arm.now_s), robot_state(arm.q, arm.now_s), now)
        assert not verdict.following
    assert not command.joint_velocity.any()


@pytest.mark.fault("T6")
def test_a_guard_that_was_away_does_not_take_the_robot_for_gone():
    arm = Arm().arm()
    arm.follow(20)
    last = robot_state(arm.q, arm.now_s)
    arm.now_s += 0.5
    for _ in range(3):
        assert arm.tick(proposal(arm.now_s + TICK_S), last)[1].level is Level.STOPPING
    assert arm.follow(2)[1].following


def test_what_waited_while_the_guard_was_away_is_not_followed():
    arm = Arm().arm()
    arm.follow(30)
    arm.now_s += 0.3
    waiting = proposal(arm.now_s)
    assert arm.tick(waiting)[1].reasons == ("guard_gap",)
    assert arm.tick(waiting)[1].reasons == ("missing_proposal",)
    assert arm.follow(1)[1].following


def test_the_same_calls_give_the_same_commands():
    first, second = Arm().arm(), Arm().arm()
    rng = np.random.default_rng(5)
    for _ in range(50):
        twist = rng.normal(size=4)
        for arm in (first, second):
            arm.follow(1, twist=twist) if twist[0] > -1.0 else arm.tick(None)
    for a, b in zip(first.commands, second.commands):
        assert a.joint_velocity.tobytes() == b.joint_velocity.tobytes() and a.gripper_opening_m == b.gripper_opening_m
    assert first.verdicts == second.verdicts


def test_one_proposal_alone_is_its_source_s():
    arm = Arm().arm()
    assert arm.tick(proposal(arm.now_s + TICK_S, source="human"))[1].source == "human"
