"""The commanded velocity of a mobile base."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.guard.base.planar_base import FLOOR, BaseLimits, PlanarBase, within
from gato_ros.core.guard.base.with_base import CommandWithBase, ProposalWithBase
from gato_ros.core.guard.proposal import Proposal
from gato_ros.core.guard.verdict import Command
from gato_ros.core.records.exact_json import decode, encode

SPEED, ACCELERATION, DECELERATION = (np.array(values) for values in ([0.5, 0.3, 1.0], [1.0, 0.5, 2.0], [2.0, 1.5, 4.0]))
STILL, DT = (np.zeros(7), np.zeros(7)), 0.01
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def limits(arm_speed=None) -> BaseLimits:
    return BaseLimits(SPEED, ACCELERATION, DECELERATION, arm_speed)


def proposal(*base: float) -> ProposalWithBase:
    return ProposalWithBase(np.zeros(4), 0.02, 5.0, 5.0, base=np.array(base))


def moving(*velocity: float, arm_speed=None) -> PlanarBase:
    base = PlanarBase(limits(arm_speed))
    base.velocity = np.array(velocity)
    return base


def test_it_stands_at_first():
    base = PlanarBase(limits())
    assert not base.moving and base.velocity.tolist() == [0.0, 0.0, 0.0]
    assert base.follow(proposal(0.0, 0.0, 0.0), 1.0, STILL, DT) == () and not base.moving


def test_it_speeds_up_in_a_straight_line_to_what_is_proposed():
    base, wanted = PlanarBase(limits()), np.array([0.2, -0.1, 0.3])
    for tick in range(1, 20):
        assert base.follow(proposal(*wanted), 1.0, STILL, DT) == ("base_acceleration",)
        # 0.2 m/s at 1 m/s2 and 0.1 m/s at 0.5 m/s2 both take 20 ticks.
        np.testing.assert_allclose(base.velocity, wanted * tick / 20, rtol=1e-9)
        assert base.moving
    base.follow(proposal(*wanted), 1.0, STILL, DT)
    assert base.follow(proposal(*wanted), 1.0, STILL, DT) == () and base.velocity.tolist() == wanted.tolist()


def test_a_motion_that_is_too_fast_keeps_its_curve():
    base = moving(0.5, 0.0, 0.25)
    assert base.follow(proposal(2.0, 0.0, 1.0), 1.0, STILL, DT) == ("base_speed",)
    np.testing.assert_allclose(base.velocity, [0.5, 0.0, 0.25])
    base = moving(0.0, 0.0, 0.99)
    assert base.follow(proposal(0.0, 0.0, 1e308), 1.0, STILL, DT) == ("base_speed",)
    assert base.velocity.tolist() == [0.0, 0.0, 1.0]


def test_exactly_as_fast_as_it_may_be_is_not_limited():
    base = moving(0.5, 0.3, 1.0)
    assert base.follow(proposal(0.5, 0.3, 1.0), 1.0, STILL, DT) == () and base.velocity.tolist() == [0.5, 0.3, 1.0]
    assert moving(0.49, 0.295, 0.98).follow(proposal(0.5, 0.3, 1.0), 1.0, STILL, 0.0101) == (), "one tick's change"


def test_a_share_of_it_counts():
    base = moving(0.1, 0.0, 0.0)
    assert base.follow(proposal(0.4, 0.0, 0.0), 0.25, STILL, DT) == () and base.velocity.tolist() == [0.1, 0.0, 0.0]


def test_it_becomes_slower_as_its_acceleration_allows():
    base = moving(0.4, 0.2, 0.0)
    assert base.follow(proposal(0.0, 0.0, 0.0), 1.0, STILL, 0.02) == ("base_acceleration",)
    np.testing.assert_allclose(base.velocity, [0.38, 0.19, 0.0])


def test_a_stop_ends_after_its_deceleration_s_time():
    base, speeds = moving(0.4, -0.15, 0.8), []
    # 0.4 / 2 and 0.8 / 4 are 0.2 s; 0.15 / 1.5 is less.
    for tick in range(1, 20):
        base.stop(DT)
        speeds.append(base.velocity.copy())
        np.testing.assert_allclose(base.velocity, np.array([0.4, -0.15, 0.8]) * (1 - tick / 20), rtol=1e-6)
    base.stop(DT * 1.001)
    assert base.velocity.tolist() == [0.0, 0.0, 0.0] and not base.moving
    base.stop(DT)
    assert not base.moving


def test_a_stop_without_time_changes_nothing_and_a_long_one_ends_at_rest():
    base = moving(0.4, 0.1, -0.2)
    base.stop(0.0)
    assert base.velocity.tolist() == [0.4, 0.1, -0.2]
    base.stop(0.2)
    assert base.velocity.tolist() == [0.0, 0.0, 0.0]


def test_nobody_proposes_for_it_and_it_stops():
    by_hand = Proposal(np.zeros(4), 0.02, 5.0, 5.0, "human")
    base = moving(0.02, 0.0, 0.0)
    assert base.follow(by_hand, 1.0, STILL, 0.0075) == ("base_unproposed",)
    np.testing.assert_allclose(base.velocity, [0.005, 0.0, 0.0])
    assert base.follow(by_hand, 1.0, STILL, DT) == ("base_unproposed",) and not base.moving
    assert base.follow(by_hand, 1.0, STILL, DT) == ()


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("speed, waits", [(0.1, False), (0.1001, True), (-0.2, True), (np.nan, True)])
def test_it_waits_for_an_arm_that_is_fast(place, speed, waits):
    arm = [np.zeros(7), np.zeros(7)]
    arm[place][3] = speed
    base = moving(0.1, 0.0, 0.0, arm_speed=0.1)
    said = base.follow(proposal(0.1, 0.0, 0.0), 1.0, arm, DT)
    assert said == (("base_waits",) if waits else ())
    assert base.velocity[0] == pytest.approx(0.08 if waits else 0.1)


def test_without_that_limit_it_moves_with_the_arm():
    assert moving(0.1, 0.0, 0.0).follow(proposal(0.1, 0.0, 0.0), 1.0, (np.full(7, 9.0),), DT) == ()


def test_it_says_that_it_waits_only_where_it_would_move():
    base, fast = PlanarBase(limits(0.1)), (np.full(7, 1.0),)
    assert base.follow(proposal(0.0, 0.0, 0.0), 1.0, fast, DT) == ()
    assert base.follow(proposal(0.0, 0.0, 0.1), 1.0, fast, DT) == ("base_waits",) and not base.moving
    assert moving(0.1, 0.0, 0.0, arm_speed=0.1).follow(proposal(0.0, 0.0, 0.0), 1.0, fast, DT) == ("base_waits",)


@given(st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=8), st.floats(0.001, 0.02))
def test_no_float_leads_out_of_speed_and_acceleration(wishes, dt):
    base = PlanarBase(limits())
    for wish in wishes:
        before = base.velocity
        base.follow(proposal(*wish), 1.0, STILL, dt)
        assert np.isfinite(base.velocity).all() and (np.abs(base.velocity) <= SPEED).all()
        assert (np.abs(base.velocity - before) <= ACCELERATION * dt * (1 + 1e-9)).all()


@given(st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3), st.lists(st.floats(0.0, 0.05), min_size=1, max_size=9))
def test_a_stop_only_shrinks_and_keeps_its_bounds(share, times):
    base = moving(*(SPEED * share))
    for dt in times:
        before = base.velocity
        base.stop(dt)
        assert (np.abs(base.velocity) <= np.abs(before)).all() and (base.velocity * before >= 0.0).all()
        assert (np.abs(before - base.velocity) <= DECELERATION * dt * (1 + 1e-9) + 1e-15).all()


@given(st.lists(FLOATS, min_size=3, max_size=3))
def test_within_keeps_direction_and_bound(values):
    vector = np.array(values)
    kept = within(vector, SPEED)
    assert (np.abs(kept) <= SPEED * (1 + 1e-15)).all()
    if (np.abs(vector) <= SPEED).all():
        assert kept is vector
    else:
        assert np.abs(kept / SPEED).max() == pytest.approx(1.0)
        np.testing.assert_allclose(kept / np.abs(kept).max(), vector / np.abs(vector).max(), atol=1e-12)


def test_a_base_that_is_not_finite_makes_its_proposal_so():
    assert proposal(0.1, 0.0, 0.0).finite and not proposal(0.1, np.nan, 0.0).finite
    assert not ProposalWithBase(np.array([np.inf]), 0.02, 5.0, 5.0, base=np.zeros(2)).finite
    assert not ProposalWithBase(np.zeros(4), np.nan, 5.0, 5.0, base=np.zeros(2)).finite


def test_what_goes_on_the_wire_holds_a_copy_of_the_base_s_velocity():
    base, arm = moving(0.1, 0.0, 0.2), np.zeros(7)
    command = base.command(arm, 0.02)
    assert isinstance(command, CommandWithBase) and command.base_velocity.tolist() == [0.1, 0.0, 0.2]
    assert command.joint_velocity is arm and command.gripper_opening_m == 0.02
    base.velocity[0] = 9.0
    assert command.base_velocity[0] == 0.1


def test_an_arm_on_the_floor_has_no_base_to_move():
    assert FLOOR.follow(proposal(1.0, 0.0, 0.0), 1.0, STILL, DT) == () and not FLOOR.moving
    FLOOR.stop(DT)
    command = FLOOR.command(np.ones(7), None)
    assert type(command) is Command and command.joint_velocity.tolist() == [1.0] * 7 and not FLOOR.moving
    assert command.gripper_opening_m is None


def test_journals_hold_it_to_the_bit():
    for value in (proposal(0.1, -0.2, 0.3), moving(0.1, 0.0, 0.2).command(np.ones(7), 0.02)):
        again = decode(encode(value))
        assert type(again) is type(value) and encode(again) == encode(value)
    base = decode(encode(moving(0.1, 0.0, 0.2, arm_speed=0.4)))
    assert base.follow(proposal(0.1, 0.0, 0.2), 1.0, (np.full(7, 0.5),), DT) == ("base_waits",)
