"""Human, policy, emergency stop: who moves the arm, and how one hands over to the other."""

import math

import numpy as np
import pytest

from gato_ros.core.guard.verdict import Level
from tests.core.guarded_arm import KINEMATICS, LIMITS, SETTINGS, TICK_S, Arm, proposal

FORTH, BACK = (0.05, 0.0, 0.0, 0.0), (-0.05, 0.0, 0.0, 0.0)


def drive(arm, ticks, human=None, policy=FORTH):
    """x speeds [m/s] of the tool while both propose; None: says nothing."""
    speeds = []
    for _ in range(ticks):
        now_s = arm.now_s + TICK_S
        proposals = {
            source: proposal(now_s, twist, source=source)
            for source, twist in (("human", human), ("policy", policy))
            if twist is not None
        }
        command, _ = arm.tick(proposals)
        speeds.append((KINEMATICS.tool(arm.q).jacobian[:3] @ command.joint_velocity)[0])
    return np.array(speeds)


@pytest.fixture
def arm():
    arm = Arm().arm()
    drive(arm, 30)
    assert arm.verdicts[-1].source == "policy"
    return arm


@pytest.mark.fault("C11")
def test_a_human_is_in_command_from_the_first_message(arm):
    speeds = drive(arm, 20, human=BACK)
    assert {verdict.source for verdict in arm.verdicts[-20:]} == {"human"} and arm.verdicts[-20].following
    # The acceleration turns within a tick, and the speed changes as fast as it may.
    assert speeds[1] < 0.05 and (np.diff(speeds)[:8] < 0.0).all() and speeds[-1] == pytest.approx(-0.05, rel=0.02)
    assert np.abs(np.diff(speeds)).max() <= LIMITS.linear_acceleration * TICK_S * 1.02


@pytest.mark.fault("C11")
def test_a_human_who_lets_go_is_followed_by_rest_and_then_by_the_policy(arm):
    drive(arm, 20, human=BACK)
    speeds = drive(arm, 80)
    reasons = [verdict.reasons for verdict in arm.verdicts[-80:]]
    let_go = reasons.index(("hand_back",))
    assert let_go == 0 and np.abs(speeds[0]) < 0.05
    rest = int(np.argmax(speeds == 0.0))
    assert rest < 10 and (np.diff(speeds[: rest + 1]) > 0.0).all()
    assert speeds[-1] == pytest.approx(0.05, rel=0.02) and arm.verdicts[-1].source == "policy"
    assert np.abs(np.diff(speeds)).max() <= LIMITS.linear_acceleration * TICK_S * 1.02
    # The policy eases in: half its speed after half of the ramp, and nowhere steeper than the ramp is in its middle.
    back = rest + 1
    assert speeds[back + 25] == pytest.approx(0.025, abs=0.003)
    assert np.diff(speeds[back:]).max() <= 1.5 * 0.05 * TICK_S / SETTINGS.hand_back_ramp_s * 1.05
    assert reasons[back + 40] == ("hand_back_ramp",) and reasons[-1] == ()


def test_without_a_ramp_the_policy_has_its_whole_speed_back_at_once():
    arm = Arm(hand_back_ramp_s=0.0).arm()
    drive(arm, 20, human=BACK)
    assert drive(arm, 30)[-1] == pytest.approx(0.05, rel=0.02)


def test_letting_go_without_a_policy_is_no_fault(arm):
    for speed in (BACK, (0.0, 0.0, 0.0, 0.0)):
        drive(arm, 40, human=speed, policy=None)
        drive(arm, 150, policy=None)
        assert arm.verdicts[-1].level is Level.STOPPING and arm.verdicts[-1].source == "idle"
    drive(arm, 3)
    assert arm.verdicts[-1].following


def test_a_human_whose_values_are_broken_latches_and_one_from_the_future_stops(arm):
    late = proposal(arm.now_s + 3600.0, BACK, source="human")
    command, verdict = arm.tick({"human": late, "policy": proposal(arm.now_s + TICK_S)})
    assert verdict.level is Level.STOPPING and verdict.source == "human"
    drive(arm, 1, human=(math.nan, 0.0, 0.0, 0.0))
    assert arm.verdicts[-1].reasons[0] == "non_finite_proposal" and arm.verdicts[-1].level is Level.LATCHED


def test_a_broken_policy_does_not_take_the_arm_from_a_human(arm):
    drive(arm, 30, human=BACK, policy=(math.nan, 0.0, 0.0, 0.0))
    assert arm.verdicts[-1].following and arm.verdicts[-1].source == "human"
    drive(arm, 30, policy=(math.nan, 0.0, 0.0, 0.0))
    assert arm.verdicts[-1].level is Level.LATCHED


def test_the_emergency_stop_is_above_the_human(arm):
    arm.guard.emergency_stop(True)
    speeds = drive(arm, 30, human=BACK)
    assert arm.verdicts[-30].source == "emergency_stop" and speeds[0] < 0.05 and speeds[-1] == 0.0
    arm.guard.emergency_stop(False)
    assert not drive(arm, 30, human=BACK).any()
    assert arm.verdicts[-1].level is Level.LATCHED and arm.verdicts[-1].source == "human"
    arm.arm()
    drive(arm, 2, human=BACK)
    assert arm.verdicts[-1].following


def test_the_gripper_follows_whoever_is_in_command(arm):
    now_s = arm.now_s + TICK_S
    command, _ = arm.tick({"human": proposal(now_s, BACK, 0.0, "human"), "policy": proposal(now_s, FORTH, 0.08)})
    assert command.gripper_opening_m == 0.0
