import math
from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.guard.arbiter import HUMAN, IDLE, POLICY, Arbiter
from tests.core.guarded_arm import CLOCK_AHEAD_S, at, proposal


@pytest.fixture
def arbiter():
    return Arbiter(validity_s=0.08, future_tolerance_s=0.05, hand_back_ramp_s=0.4)


def both(seconds: float, human_s: float | None = None) -> dict:
    human = None if human_s is None else proposal(human_s, source=HUMAN)
    return {HUMAN: human, POLICY: proposal(seconds)}


def test_a_policy_is_in_command_until_a_human_speaks(arbiter):
    choice = arbiter.choose(both(1.0), at(1.0), at_rest=False)
    assert (choice.source, choice.fault) == (POLICY, None) and choice.proposal.source == POLICY
    choice = arbiter.choose(both(1.0, 1.0), at(1.0), at_rest=False)
    assert (choice.source, choice.fault) == (HUMAN, None) and choice.proposal.source == HUMAN


def test_the_hand_back_waits_for_rest_and_for_news(arbiter):
    arbiter.choose(both(1.0, 1.0), at(1.0), at_rest=False)
    assert arbiter.choose(both(1.08, 1.0), at(1.08), at_rest=False).source == HUMAN
    for seconds in (1.081, 1.1, 1.2):
        choice = arbiter.choose(both(seconds, 1.0), at(seconds), at_rest=False)
        assert (choice.source, choice.proposal, choice.fault) == (HUMAN, None, "hand_back")
    assert arbiter.choose(both(1.21, 1.0), at(1.21), at_rest=True).fault == "hand_back"
    assert arbiter.choose(both(1.21, 1.0), at(1.22), at_rest=True).fault == "missing_proposal"
    assert arbiter.choose(both(1.215, 1.0), at(1.22), at_rest=True).fault is None


def test_a_policy_that_has_the_arm_back_eases_in_from_the_hand_back_on(arbiter):
    assert arbiter.choose(both(0.9), at(0.9), at_rest=True).share == 1.0
    assert arbiter.choose(both(1.0, 1.0), at(1.0), at_rest=False).share == 1.0
    for seconds in (1.1, 1.2):
        arbiter.choose({HUMAN: proposal(1.0, source=HUMAN)}, at(seconds), at_rest=seconds > 1.15)
    for after_s, share in ((0.1, 0.15625), (0.2, 0.5), (0.3, 0.84375), (0.4, 1.0), (9.0, 1.0)):
        choice = arbiter.choose(both(1.2 + after_s), at(1.2 + after_s), at_rest=False)
        assert (choice.source, choice.fault) == (POLICY, None) and choice.share == pytest.approx(share)


def test_a_human_who_is_back_during_the_ramp_is_followed_whole(arbiter):
    arbiter.choose(both(1.0, 1.0), at(1.0), at_rest=False)
    arbiter.choose({}, at(1.1), at_rest=True)
    assert arbiter.choose(both(1.2), at(1.2), at_rest=False).share < 1.0
    assert arbiter.choose(both(1.3, 1.3), at(1.3), at_rest=False).share == 1.0


def test_nobody_is_idle(arbiter):
    for proposals in ({}, {POLICY: None, HUMAN: None}, {"ghost": proposal(1.0, source="ghost")}):
        choice = arbiter.choose(proposals, at(1.0), at_rest=True)
        assert (choice.source, choice.proposal, choice.fault) == (IDLE, None, "missing_proposal")
    choice = arbiter.choose(both(0.9), at(1.0), at_rest=True)
    assert (choice.source, choice.fault) == (IDLE, "stale_proposal")


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"stamp_s": CLOCK_AHEAD_S + 3600.0}, "future_stamp_proposal"),
        ({"stamp_s": math.nan}, "future_stamp_proposal"),
        ({"received_s": 2.0}, "future_stamp_proposal"),
        ({"received_s": math.nan}, "future_stamp_proposal"),
        ({"stamp_s": CLOCK_AHEAD_S}, "stale_proposal"),
        ({"gripper_opening_m": math.nan}, "non_finite_proposal"),
        ({"twist": np.array([0, 0, math.inf, 0])}, "non_finite_proposal"),
    ],
)
def test_a_human_who_cannot_be_followed_stops_the_arm_and_is_not_overruled(arbiter, change, fault):
    human = replace(proposal(1.0, source=HUMAN), **change)
    choice = arbiter.choose({HUMAN: human, POLICY: proposal(1.0)}, at(1.0), at_rest=False)
    assert (choice.source, choice.fault) == (HUMAN, fault)
    choice = arbiter.choose({POLICY: replace(human, source=POLICY)}, at(1.0), at_rest=True)
    assert choice.fault in (fault, "hand_back")


@pytest.mark.parametrize(
    "age_s, fault", [(0.0, None), (0.0799, None), (0.0801, "stale_proposal"), (-0.001, "future_stamp_proposal")]
)
def test_a_proposal_is_valid_for_so_long(arbiter, age_s, fault):
    assert arbiter.choose({POLICY: proposal(1.0)}, at(1.0 + age_s), at_rest=True).fault == fault


@pytest.mark.parametrize("source", [HUMAN, POLICY])
def test_what_was_received_before_is_forgotten(arbiter, source):
    arbiter.forget(at(1.0))
    assert arbiter.choose({source: proposal(1.0, source=source)}, at(1.0), True).fault == "missing_proposal"
    assert arbiter.choose({source: proposal(1.001, source=source)}, at(1.01), True).fault is None
