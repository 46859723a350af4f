"""The whole guard with an arm on a mobile base: what stops one stops both."""

import numpy as np
import pytest

from gato_ros.core.guard.base.with_base import CommandWithBase, ProposalWithBase
from gato_ros.core.guard.verdict import Command, Level
from gato_ros.core.records.exact_json import decode, encode
from gato_ros.core.records.journal import Journaled, repeat
from gato_ros.core.timing.freshness import Instant
from gato_ros.embodiments.guard import make_guard
from tests.core.other_arms import CLOCK_AHEAD_S, TICK_S, OtherArm

SLOW, FAST = np.array([0.01, 0.0, 0.0, 0.0, 0.0, 0.0]), np.array([0.07, 0.0, 0.0, 0.0, 0.0, 0.5])
BASE = np.array([0.2, -0.1, 0.4])


class MobileArm(OtherArm):
    """The Sawyer on a base with three axes."""

    def __init__(self, **settings):
        super().__init__("base", **settings)

    def propose(self, values, source="policy", opening_m=0.02, base=BASE, ahead_s=0.0):
        plain = super().propose(values, source, opening_m)
        if source == "human":
            return plain
        return ProposalWithBase(
            plain.twist, opening_m, plain.stamp_s + ahead_s, plain.received_s, source, base=np.array(base)
        )

    @property
    def base(self) -> np.ndarray:
        return self.command.base_velocity

    def driving(self):
        self.follow(40, SLOW)
        assert self.verdict.following and self.base.tolist() == BASE.tolist()
        return self


def speeds_until_rest(arm, ticks, **proposals) -> np.ndarray:
    """[ticks 3] of the base."""
    found = []
    for _ in range(ticks):
        arm.tick(**proposals)
        found.append(np.abs(arm.base))
    return np.array(found)


def test_the_base_goes_as_proposed_while_the_arm_does():
    arm = MobileArm()
    arm.follow(5, SLOW)
    assert isinstance(arm.command, CommandWithBase) and "base_acceleration" in arm.verdict.reasons
    arm.driving()
    assert arm.verdict.level is Level.OK and arm.twist()[0] == pytest.approx(0.01, abs=2e-3)


def test_it_does_not_move_before_a_reset_or_without_a_proposal():
    arm = MobileArm()
    arm.guard = make_guard(arm.robot)
    arm.follow(10, SLOW)
    assert arm.verdict.level is Level.LATCHED and not arm.base.any()
    arm = MobileArm()
    arm.tick()
    assert arm.verdict.reasons == ("missing_proposal",) and not arm.base.any()


@pytest.mark.fault("V4")
def test_a_stale_proposal_stops_both():
    arm = MobileArm().driving()
    last = arm.propose(SLOW)
    speeds = speeds_until_rest(arm, 40, policy=last)
    assert arm.verdict.reasons == ("stale_proposal",)
    assert (np.diff(speeds, axis=0) <= 0.0).all() and not speeds[-1].any() and not arm.command.joint_velocity.any()
    # 80 ms of validity, and 0.2 m/s at 1.6 m/s2: whole ticks of both.
    assert np.count_nonzero(speeds[:, 0]) <= 8 + 14


@pytest.mark.fault("V1")
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", range(3))
def test_a_base_that_is_not_finite_latches_both(axis, broken):
    arm = MobileArm().driving()
    base = BASE.copy()
    base[axis] = broken
    arm.tick(policy=arm.propose(SLOW, base=base))
    assert arm.verdict.level is Level.LATCHED and arm.verdict.reasons[0] == "non_finite_proposal"
    assert not speeds_until_rest(arm, 30)[-1].any() and not arm.command.joint_velocity.any()


def test_a_proposal_from_the_future_stops_the_base():
    arm = MobileArm().driving()
    for _ in range(30):
        arm.tick(policy=arm.propose(SLOW, ahead_s=1.0))
    assert arm.verdict.reasons == ("future_stamp_proposal",) and not arm.base.any()


def test_an_emergency_stop_ends_after_the_deceleration_s_time():
    arm = MobileArm().driving()
    arm.guard.emergency_stop(True)
    speeds = speeds_until_rest(arm, 20, policy=arm.propose(SLOW))
    assert arm.verdict.reasons[0] == "emergency_stop"
    assert speeds[0][0] == pytest.approx(0.2 - 1.6 * TICK_S) and speeds[11].any() and not speeds[13].any()


def test_a_reset_is_refused_while_the_base_moves():
    arm = MobileArm()
    arm.follow(40, np.zeros(6))
    arm.guard.latch("somebody")
    while arm.command.joint_velocity.any():
        arm.tick()
    assert arm.base.any(), "it takes longer"
    assert arm.guard.reset(arm.state(), arm.instant()) == "still_moving"
    speeds_until_rest(arm, 20)
    assert arm.guard.reset(arm.state(), arm.instant()) is None


def test_a_person_drives_the_arm_and_the_base_stops():
    arm = MobileArm().driving()
    arm.tick(policy=arm.propose(SLOW), human=arm.propose(SLOW, "human"))
    assert "base_unproposed" in arm.verdict.reasons and arm.verdict.source == "human"
    for _ in range(20):
        arm.tick(human=arm.propose(SLOW, "human"))
    assert arm.verdict.level is Level.OK and not arm.base.any() and arm.command.joint_velocity.any()


def test_a_policy_eases_the_base_in_after_a_person():
    arm = MobileArm()
    for _ in range(10):
        arm.tick(human=arm.propose(SLOW, "human"))
    speeds = []
    for _ in range(90):
        arm.tick(policy=arm.propose(SLOW))
        speeds.append(arm.base[0])
    begun = speeds[np.flatnonzero(speeds)[0] :]
    # Half of it after half of the 0.5 s; at its acceleration it would be there after that time.
    assert begun[25] == pytest.approx(0.1, abs=0.02) and speeds[-1] == 0.2


def test_the_base_waits_while_the_arm_is_fast():
    arm = MobileArm().driving()
    for _ in range(30):
        arm.tick(policy=arm.propose(FAST))
    assert np.abs(arm.command.joint_velocity).max() > 0.3
    assert "base_waits" in arm.verdict.reasons and not arm.base.any()
    arm.follow(60, SLOW)
    assert arm.base.tolist() == BASE.tolist()


def test_a_joint_that_is_measured_fast_counts_too():
    arm = MobileArm().driving()
    measured = arm.kinematics.state(arm.q, np.full(7, 0.31), CLOCK_AHEAD_S + arm.now_s, arm.now_s)
    arm.state = lambda: measured
    arm.tick(policy=arm.propose(SLOW))
    assert "base_waits" in arm.verdict.reasons and (np.abs(arm.base) < np.abs(BASE)).all()


def test_a_late_tick_makes_up_for_two_at_most():
    arm = MobileArm()
    arm.follow(1, np.zeros(6))
    before = arm.base[0]
    arm.now_s += 0.05
    arm.tick(policy=arm.propose(np.zeros(6)))
    assert 0.0 < arm.base[0] - before <= 0.8 * 2 * TICK_S + 1e-12


def test_steps_that_follow_at_once_repeat_the_command():
    arm = MobileArm()
    arm.follow(5, np.zeros(6))
    before, proposal = arm.base.copy(), arm.propose(np.zeros(6))
    now = Instant(arm.now_s + 1e-5, CLOCK_AHEAD_S + arm.now_s + 1e-5)
    command, verdict = arm.guard.step({"policy": proposal}, arm.state(), now)
    assert verdict.following and command.base_velocity.tolist() == before.tolist()


def test_a_journal_repeats_it_to_the_bit():
    arm = MobileArm()
    arm.guard = Journaled(arm.guard)
    arm.follow(20, SLOW)
    before = arm.guard.take()[-1:]
    assert '"state"' in before[0], "doing it again begins with the whole guard"
    arm.follow(20, SLOW)
    arm.follow(20, FAST)
    arm.guard.emergency_stop(True)
    arm.tick()
    done = list(repeat(before + arm.guard.take()))
    assert len(done) >= 42 and all(one.judged and one.equal for one in done)
    assert "base_velocity" in str(done[0].recorded)


def test_the_guard_of_an_arm_on_the_floor_writes_nothing_of_a_base():
    arm = OtherArm("twist_base")
    arm.follow(5, SLOW)
    assert type(arm.command) is Command
    assert "base" not in str(sorted(vars(arm.guard))) and "planar_base" not in str(encode(arm.guard))
    again = decode(encode(arm.guard))
    assert not again._base.moving
