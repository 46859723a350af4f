import pytest

from gato_ros.core.guard.gripper_hold import GripperHold


@pytest.fixture
def gripper():
    return GripperHold(stroke_m=0.085, dwell_s=0.15)


@pytest.mark.parametrize(
    "wanted_m, held_m, limits",
    [(0.03, 0.03, ()), (-1.0, 0.0, ("gripper",)), (0.0, 0.0, ()), (1e308, 0.085, ("gripper",)), (0.085, 0.085, ())],
)
def test_an_opening_is_brought_inside_the_stroke(gripper, wanted_m, held_m, limits):
    assert gripper.opening_m is None
    assert gripper.follow(wanted_m, 10.0) == limits and gripper.opening_m == held_m


def test_it_goes_on_in_one_direction_but_turns_round_only_after_a_while(gripper):
    gripper.follow(0.05, 0.0)
    for tick in range(5):
        assert gripper.follow(0.04 - tick * 0.005, 1.0 + tick * 0.01) == ()
    assert gripper.opening_m == 0.02
    assert gripper.follow(0.085, 1.10) == ("gripper_dwell",) and gripper.opening_m == 0.02
    assert gripper.follow(0.2, 1.149) == ("gripper", "gripper_dwell") and gripper.opening_m == 0.02
    assert gripper.follow(0.085, 1.151) == () and gripper.opening_m == 0.085
    assert gripper.follow(0.0, 1.2) == ("gripper_dwell",)
    assert gripper.follow(0.085, 1.2) == ()
    assert gripper.follow(0.0, 1.31) == ()


def test_chatter_turns_it_round_every_third_period_at_most(gripper):
    gripper.follow(0.085, 0.0)
    turned = []
    for tick in range(1, 41):
        before = gripper.opening_m
        gripper.follow(0.085 * (tick % 2), tick * 0.0501)
        if gripper.opening_m != before:
            turned.append(tick)
    assert min(b - a for a, b in zip(turned, turned[1:])) == 3 and len(turned) == 13


def test_a_clock_that_ran_back_does_not_hold_it_for_ever(gripper):
    gripper.follow(0.05, 100.0)
    gripper.follow(0.0, 100.0)
    assert gripper.follow(0.05, 50.0) == ()
    assert gripper.opening_m == 0.05


def test_the_first_motion_counts_as_a_turn_and_holding_as_none(gripper):
    gripper.follow(0.03, 0.0)
    assert gripper.follow(0.05, 1.0) == ()
    assert gripper.follow(0.02, 1.1) == ("gripper_dwell",)
    assert gripper.follow(0.04, 1.2) == () == gripper.follow(0.04, 1.5)
    assert gripper.follow(0.03, 1.6) == (), "the opening that was held before was no turn"
