"""The guard as mathematics: whatever goes in, only safe commands come out."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.guard.verdict import Level
from gato_ros.embodiments.kinematics import differential_ik
from tests.core.guarded_arm import (
    CLOCK_AHEAD_S,
    JOINT_ACCELERATION,
    KINEMATICS,
    LIMITS,
    POSTURE,
    ROBOT,
    SETTINGS,
    SPEED,
    START,
    TICK_S,
    Arm,
    at,
    proposal,
    robot_state,
)


def test_a_fresh_proposal_is_followed_at_the_contract_s_acceleration():
    arm = Arm().arm()
    first, verdict = arm.follow(1)
    assert verdict.level is Level.OK and verdict.reasons == ()
    assert arm.tool_speed(first) <= LIMITS.linear_acceleration * TICK_S * 1.05
    last, _ = arm.follow(30)
    assert arm.tool_speed(last) == pytest.approx(0.05, rel=0.05)
    assert last.gripper_opening_m == 0.02


@pytest.mark.fault("P6")
def test_it_starts_latched_and_moves_only_after_a_reset():
    arm = Arm()
    command, verdict = arm.follow(20)
    assert verdict.level is Level.LATCHED and verdict.reasons[0] == "not_armed"
    assert not command.joint_velocity.any() and command.gripper_opening_m is None
    arm.arm().follow(5)
    assert arm.verdicts[-1].following


def test_a_proposal_received_before_the_reset_moves_nothing():
    arm = Arm()
    old = proposal(arm.now_s)
    arm.arm()
    command, verdict = arm.tick(old)
    assert verdict.level is Level.STOPPING and verdict.reasons == ("missing_proposal",)
    assert not command.joint_velocity.any()


def test_a_silent_policy_is_answered_within_two_control_periods_and_by_zero_soon_after():
    arm = Arm().arm()
    arm.follow(50, twist=(0.07, 0.07, 0.0, 0.5))
    last = proposal(arm.now_s, twist=(0.07, 0.07, 0.0, 0.5))
    moving = np.abs(arm.commands[-1].joint_velocity).max()
    started_s, decelerating_s, zero_s = arm.now_s, None, None
    for _ in range(60):
        command, verdict = arm.tick(last)
        largest = np.abs(command.joint_velocity).max()
        if decelerating_s is None and verdict.level is Level.STOPPING:
            decelerating_s = arm.now_s - started_s
            assert largest < moving
        if zero_s is None and largest == 0.0:
            zero_s = arm.now_s - started_s
    assert decelerating_s <= 0.1 + 1.5 * TICK_S
    assert zero_s <= 0.2 + 1.5 * TICK_S
    assert arm.verdicts[-1].reasons == ("stale_proposal",)
    assert all(not command.joint_velocity.any() for command in arm.commands[-30:])


def test_a_stop_is_a_ramp_and_not_a_jump():
    arm = Arm().arm()
    arm.follow(50, twist=(0.07, 0.0, 0.0, 1.0))
    speeds = [arm.tool_speed(arm.commands[-1])]
    while arm.commands[-1].joint_velocity.any():
        speeds.append(arm.tool_speed(arm.tick(None)[0]))
    assert len(speeds) > 4
    steps = -np.diff(speeds)
    assert (steps > 0).all() and steps.max() <= LIMITS.linear_acceleration * TICK_S * 1.1


def test_a_long_stop_in_mid_motion_latches_and_a_short_one_does_not():
    arm = Arm().arm()
    arm.follow(20)
    for _ in range(50):
        arm.tick(None)
    assert arm.verdicts[-1].level is Level.STOPPING
    arm.follow(5)
    assert arm.verdicts[-1].following
    for _ in range(110):
        arm.tick(None)
    assert arm.verdicts[-1].level is Level.LATCHED
    assert arm.verdicts[-1].reasons[0] == "missing_proposal"
    for _ in range(50):
        command, verdict = arm.follow(1)
        assert verdict.level is Level.LATCHED and not command.joint_velocity.any()
    arm.arm().follow(3)
    assert arm.verdicts[-1].following


def test_waiting_for_the_first_proposal_does_not_latch():
    arm = Arm().arm()
    for _ in range(300):
        arm.tick(None)
    assert arm.verdicts[-1].level is Level.STOPPING
    assert arm.follow(1)[1].following


@pytest.mark.fault("C9", "C15")
@pytest.mark.parametrize(
    "twist, opening_m",
    [
        ((math.nan, 0, 0, 0), 0.02),
        ((0, 0, math.inf, 0), 0.02),
        ((0.01, 0, 0, 0), math.nan),
        ((0, 0, 0, -math.inf), 0.02),
    ],
)
def test_a_non_finite_proposal_latches_at_once(twist, opening_m):
    arm = Arm().arm()
    arm.follow(30)
    command, verdict = arm.tick(proposal(arm.now_s + TICK_S, twist, opening_m))
    assert verdict.level is Level.LATCHED and verdict.reasons[0] == "non_finite_proposal"
    assert arm.tool_speed(command) < 0.05 and command.gripper_opening_m == 0.02


@pytest.mark.parametrize("ahead_s", [0.2, 10.0, 1e9, math.inf, math.nan])
def test_a_stamp_from_the_future_is_refused_and_never_stays_fresh(ahead_s):
    arm = Arm().arm()
    arm.follow(30)
    for _ in range(30):
        stamp_s = CLOCK_AHEAD_S + arm.now_s + ahead_s
        command, verdict = arm.tick(replace(proposal(arm.now_s + TICK_S), stamp_s=stamp_s))
        assert verdict.level is Level.STOPPING and verdict.reasons == ("future_stamp_proposal",)
    assert not command.joint_velocity.any()


def test_an_old_stamp_counts_even_when_the_message_has_just_arrived():
    arm = Arm().arm()
    arm.follow(30)
    _, verdict = arm.tick(replace(proposal(arm.now_s + TICK_S), stamp_s=CLOCK_AHEAD_S + arm.now_s - 0.5))
    assert verdict.reasons == ("stale_proposal",) and verdict.proposal_age_s == pytest.approx(0.51, abs=1e-6)


def test_a_clock_that_jumps_stops_the_arm_and_does_not_run_for_ever():
    arm = Arm().arm()
    arm.follow(30)
    for jump_s in (3600.0, -3600.0):
        state = replace(robot_state(arm.q, arm.now_s + TICK_S), stamp_s=CLOCK_AHEAD_S + arm.now_s + jump_s)
        _, verdict = arm.tick(proposal(arm.now_s + TICK_S), state)
        assert not verdict.following


@pytest.mark.fault("S8")
@pytest.mark.parametrize("field", ["joint_position", "joint_velocity", "tool_position", "tool_rotation", "jacobian"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_non_finite_state_stops(field, value):
    arm = Arm().arm()
    arm.follow(30)
    good = robot_state(arm.q, arm.now_s + TICK_S)
    bad = getattr(good, field).copy()
    bad.flat[1] = value
    command, verdict = arm.tick(proposal(arm.now_s + TICK_S), replace(good, **{field: bad}))
    assert verdict.level is Level.STOPPING and verdict.reasons == ("non_finite_state",)
    assert np.isfinite(command.joint_velocity).all()


def test_an_old_or_missing_state_stops():
    arm = Arm().arm()
    arm.follow(30)
    old = robot_state(arm.q, arm.now_s - 0.2)
    assert arm.tick(proposal(arm.now_s + TICK_S), old)[1].reasons == ("stale_state",)
    assert arm.tick(proposal(arm.now_s + TICK_S), None)[1].reasons == ("missing_state",)


@pytest.mark.fault("C13", "C14")
def test_the_emergency_stop_latches_and_its_release_does_not_move_the_arm():
    arm = Arm().arm()
    arm.follow(30)
    arm.guard.emergency_stop(True)
    assert arm.follow(1)[1].reasons[0] == "emergency_stop"
    arm.follow(30)
    assert arm.guard.reset(robot_state(arm.q, arm.now_s), at(arm.now_s)) == "emergency_stop"
    arm.guard.emergency_stop(False)
    command, verdict = arm.follow(100)
    assert verdict.level is Level.LATCHED and not command.joint_velocity.any()
    arm.arm()
    assert arm.follow(1)[1].following


def test_a_reset_is_refused_while_the_arm_moves_or_the_state_is_bad():
    arm = Arm().arm()
    arm.follow(30)
    arm.guard.latch("test")
    assert arm.guard.reset(robot_state(arm.q, arm.now_s), at(arm.now_s)) == "still_moving"
    for _ in range(30):
        arm.tick(None)
    assert arm.guard.reset(None, at(arm.now_s)) == "missing_state"
    assert arm.guard.reset(robot_state(arm.q, arm.now_s - 5), at(arm.now_s)) == "stale_state"


@pytest.mark.fault("T6")
def test_after_the_guard_itself_was_away_the_arm_stops_at_once():
    arm = Arm().arm()
    arm.follow(30)
    arm.now_s += 0.5
    command, verdict = arm.follow(1)
    assert verdict.reasons == ("guard_gap",) and not command.joint_velocity.any()
    assert arm.follow(1)[1].following


def test_the_gripper_holds_its_last_opening_on_every_stop():
    arm = Arm().arm()
    arm.follow(10, opening_m=0.0)
    for bad in (None, proposal(arm.now_s - 5, opening_m=0.08), proposal(arm.now_s, (math.nan, 0, 0, 0), 0.08)):
        assert arm.tick(bad)[0].gripper_opening_m == 0.0
    for _ in range(200):
        assert arm.follow(1, opening_m=0.08)[0].gripper_opening_m == 0.0
    arm.arm()
    assert arm.tick(None)[0].gripper_opening_m == 0.0


@pytest.mark.fault("C4")
def test_the_tool_stays_in_the_box_and_the_verdict_says_so():
    for axis in range(3):
        for sign in (1.0, -1.0):
            arm = Arm().arm()
            twist = np.zeros(4)
            twist[axis] = 0.07 * sign
            for _ in range(500):
                arm.follow(1, twist=twist)
                position = KINEMATICS.tool(arm.q).position
                assert (position >= LIMITS.workspace_lower - 1e-3).all()
                assert (position <= LIMITS.workspace_upper + 1e-3).all()
            assert "workspace" in arm.verdicts[-1].reasons


@pytest.mark.fault("C1", "C2")
def test_too_fast_a_proposal_is_slowed_and_reported():
    arm = Arm().arm()
    command, verdict = arm.follow(30, twist=(5.0, 0.0, 0.0, 9.0))
    assert verdict.level is Level.LIMITED and "speed" in verdict.reasons
    assert arm.tool_speed(command) <= LIMITS.linear_speed * 1.02


ANY = st.one_of(
    st.floats(width=64),
    st.sampled_from(
        [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e308, -1e308, math.nan, math.inf, -math.inf, 0.07, -0.07, 1.0, -1.0]
    ),
)
TIMES = st.one_of(st.just(0.0), st.floats(-0.3, 0.3), st.sampled_from([math.nan, math.inf, -math.inf, 1e9, -1e9]))
EVENTS = st.tuples(
    st.one_of(st.none(), st.tuples(st.lists(ANY, min_size=4, max_size=4), ANY, TIMES, TIMES)),  # proposal
    st.one_of(st.just("good"), st.none(), st.tuples(st.integers(0, 6), ANY, TIMES)),  # robot state
    st.sampled_from(["", "", "", "", "press", "release", "reset", "latch"]),
)


@pytest.mark.fault("C1", "C2", "C3", "C5")
@settings(deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_no_input_gets_an_unsafe_command_out(events, seed):
    arm = Arm()
    arm.q = POSTURE + np.random.default_rng(seed).uniform(-0.5, 0.5, 7)
    arm.arm()
    previous, opening = np.zeros(7), None
    for proposed, state_event, event in events:
        seconds = arm.now_s + TICK_S
        if proposed is not None:
            twist, opening_m, stamp, receipt = proposed
            proposed = Proposal(np.array(twist), opening_m, CLOCK_AHEAD_S + seconds + stamp, seconds + receipt)
        state = None if state_event is None else robot_state(arm.q, seconds)
        if isinstance(state_event, tuple):
            joint, value, age = state_event
            q = arm.q.copy()
            q[joint] = value
            with np.errstate(all="ignore"):
                state = replace(robot_state(q, seconds), stamp_s=CLOCK_AHEAD_S + seconds + age)
        if event in ("press", "release"):
            arm.guard.emergency_stop(event == "press")
        elif event == "reset":
            arm.guard.reset(state, at(arm.now_s))
        elif event == "latch":
            arm.guard.latch("test")
        latched_before = arm.guard.latched
        command, verdict = arm.tick(proposed, state)

        velocity = command.joint_velocity
        assert velocity.shape == (7,) and np.isfinite(velocity).all()
        assert (np.abs(velocity) <= SPEED + 1e-12).all()
        assert (np.abs(velocity - previous) <= JOINT_ACCELERATION * 2 * TICK_S + 1e-9).all()
        if not verdict.following:
            # A stop never speeds any joint up, never turns it round, and never opens the gripper.
            assert (np.abs(velocity) <= np.abs(previous) + 1e-15).all() and (velocity * previous >= 0).all()
            assert command.gripper_opening_m == opening
            assert verdict.reasons
        else:
            assert latched_before is None and 0.0 <= command.gripper_opening_m <= SETTINGS.stroke_m
        if command.gripper_opening_m is not None:
            assert math.isfinite(command.gripper_opening_m)
        previous, opening = velocity, command.gripper_opening_m


@pytest.mark.fault("C1", "C2", "C3")
@settings(deadline=None)
@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), min_size=1, max_size=25), st.integers(0, 2**32 - 1)
)
def test_tool_speed_and_acceleration_stay_in_the_contract(twists, seed):
    arm = Arm().arm()
    arm.q = START + np.random.default_rng(seed).uniform(-0.02, 0.02, 7)
    previous = np.zeros(3)
    for twist in twists:
        for _ in range(3):
            tool = KINEMATICS.tool(arm.q)
            command, _ = arm.follow(1, twist=twist)
            velocity = tool.jacobian[:3] @ command.joint_velocity
            # The damped inverse and its posture term leak a little of the null space into the tool.
            assert np.linalg.norm(velocity) <= LIMITS.linear_speed + 3e-3
            assert np.linalg.norm(velocity - previous) <= LIMITS.linear_acceleration * TICK_S + 3e-3
            previous = velocity


def test_the_guard_moves_the_arm_as_the_simulator_s_own_loop_does_one_tick_later():
    arm, ik = Arm().arm(), differential_ik(ROBOT)
    q, twist = START.copy(), np.zeros(4)
    rng = np.random.default_rng(3)
    for _ in range(40):
        wanted = rng.uniform(ROBOT.action_lower[:4], ROBOT.action_upper[:4])
        for _ in range(5):
            tool = KINEMATICS.tool(q)
            twist = LIMITS.limit(wanted, twist, tool.position, TICK_S)
            q = q + ik.joint_velocity(q, tool.jacobian, tool.rotation, twist) * TICK_S
            arm.follow(1, twist=wanted)
            behind = KINEMATICS.tool(q).position - KINEMATICS.tool(arm.q).position
            # The mean that bounds the jerk lags by 12.5 ms.
            assert np.linalg.norm(behind) < 0.0125 * 0.1213 * 1.2
    for _ in range(30):
        arm.follow(1, twist=np.zeros(4))
    assert np.linalg.norm(KINEMATICS.tool(q).position - KINEMATICS.tool(arm.q).position) < 2e-3


@pytest.mark.fault("C7")
@pytest.mark.parametrize("field, value", [("jacobian", 1e200), ("jacobian", 1e308), ("tool_rotation", 1e308)])
def test_finite_inputs_that_overflow_on_the_way_stop_the_arm(field, value):
    arm = Arm().arm()
    arm.follow(30)
    good = robot_state(arm.q, arm.now_s + TICK_S)
    state = replace(good, **{field: np.full_like(getattr(good, field), value)})
    command, verdict = arm.tick(proposal(arm.now_s + TICK_S), state)
    assert verdict.level is Level.STOPPING and verdict.reasons == ("ik_failed",)
    assert np.isfinite(command.joint_velocity).all()


@pytest.mark.fault("C7")
def test_a_singular_matrix_stops_the_arm(monkeypatch):
    arm = Arm().arm()
    arm.follow(30)

    def singular(*arguments):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(np.linalg, "inv", singular)
    assert arm.follow(1)[1].reasons == ("ik_failed",)


@pytest.mark.fault("T10")
def test_a_late_tick_does_not_speed_the_arm_up_in_one_leap():
    arm = Arm().arm()
    arm.now_s += 0.08
    command, verdict = arm.follow(1, twist=(0.07, 0.0, 0.0, 0.0))
    assert verdict.following
    assert 0.0 < arm.tool_speed(command) <= LIMITS.linear_acceleration * 2 * TICK_S * 1.05


@pytest.mark.fault("C9")
@pytest.mark.parametrize("opening_m, held_m", [(-1.0, 0.0), (0.5, SETTINGS.stroke_m), (1e308, SETTINGS.stroke_m)])
def test_an_opening_outside_the_stroke_is_brought_inside_and_reported(opening_m, held_m):
    arm = Arm().arm()
    command, verdict = arm.follow(1, opening_m=opening_m)
    assert command.gripper_opening_m == held_m and "gripper" in verdict.reasons
