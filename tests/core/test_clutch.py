"""The clutch: differences of the hand become those of the arm, and a hand that goes on alone takes the clutch along."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.teleop.clutch import FARTHEST_M, FARTHEST_RAD, Clutch, Placed, following

FULL = np.array([0.07, 0.07, 0.07, 1.0])
DOWN = np.diag([1.0, -1.0, -1.0])
number = st.floats(-1.0, 1.0)


def turned(yaw, rotation=DOWN):
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ rotation


def at(x=0.0, y=0.0, z=0.0, yaw=0.0):
    return Placed(np.array([x, y, z]), turned(yaw))


class Arm:
    """A tool that does what it is told, within a box."""

    def __init__(self, place=(0.6, 0.0, 0.2), yaw=0.4, wall_x=np.inf):
        self.place, self.yaw, self.wall_x = np.array(place), yaw, wall_x

    @property
    def tool(self):
        return Placed(self.place.copy(), turned(self.yaw))

    def step(self, deflection, seconds=0.05):
        assert (np.abs(deflection) <= 1.0 + 1e-9).all()
        self.place += seconds * FULL[:3] * deflection[:3]
        self.place[0] = min(self.place[0], self.wall_x)
        self.yaw += seconds * FULL[3] * deflection[3]


@given(number, number, number)
def test_before_the_press_and_at_the_press_nothing_is_wanted(x, y, yaw):
    clutch, arm = Clutch(), Arm()
    assert not clutch.ahead(at(x, y, 0, yaw), arm.tool).any() and not clutch.engaged
    clutch.press(at(x, y, 0, yaw), arm.tool)
    assert np.abs(clutch.ahead(at(x, y, 0, yaw), arm.tool)).max() < 1e-9
    clutch.release()
    assert not clutch.ahead(at(), arm.tool).any()


@pytest.mark.parametrize(("scale", "heading"), [(1.0, 0.0), (0.5, 0.0), (1.0, np.pi / 2), (2.0, -0.7)])
def test_the_arm_follows_a_circle_and_a_turn(scale, heading):
    """A slow hand on a circle of 4 cm: the tool stays close behind, scaled and in the hand's frame."""
    clutch, arm = Clutch(scale, heading), Arm()
    begin, begin_yaw = arm.place.copy(), arm.yaw
    clutch.press(at(3.0, -2.0, 1.0, 2.5), arm.tool)
    worst = 0.0
    for tick in range(600):
        phase = 2 * np.pi * tick / 300
        moved = 0.04 / scale * np.array([np.sin(phase), 1 - np.cos(phase), 0.5 * np.sin(phase)])
        yaw = 0.3 * np.sin(phase)
        hand = at(*(np.array([3.0, -2.0, 1.0]) + moved), 2.5 + yaw)
        arm.step(following(clutch.ahead(hand, arm.tool), FULL, 0.15))
        if tick > 20:
            wanted = begin + scale * turned(heading, np.eye(3)) @ moved
            worst = max(worst, np.abs(arm.place - wanted).max(), 0.1 * abs(arm.yaw - begin_yaw - yaw))
    assert worst < 0.01


def test_at_a_wall_the_arm_turns_round_with_the_hand():
    """The hand goes 30 cm into a wall and comes back: the arm leaves the wall as soon as the hand turns."""
    clutch, arm = Clutch(), Arm(wall_x=0.62)
    clutch.press(at(), arm.tool)
    for x in np.linspace(0, 0.30, 120):
        arm.step(following(clutch.ahead(at(x), arm.tool), FULL, 0.15))
    assert arm.place[0] == 0.62
    ahead = clutch.ahead(at(0.30), arm.tool)
    assert np.linalg.norm(ahead[:3]) <= FARTHEST_M + 1e-9
    for x in np.linspace(0.30, 0.20, 60):
        arm.step(following(clutch.ahead(at(x), arm.tool), FULL, 0.15))
    assert arm.place[0] < 0.60


@given(st.floats(-3.1, 3.1))
def test_a_turn_goes_the_short_way_and_never_too_far_ahead(yaw):
    clutch, arm = Clutch(), Arm(yaw=3.0)
    clutch.press(at(yaw=-3.0), arm.tool)
    ahead = clutch.ahead(at(yaw=-3.0 + yaw), arm.tool)
    assert abs(ahead[3]) <= FARTHEST_RAD + 1e-9 and ahead[3] * yaw >= -1e-9
    assert ahead[3] == pytest.approx(np.clip(yaw, -FARTHEST_RAD, FARTHEST_RAD), abs=1e-6)
    # What slipped stays slipped.
    assert clutch.ahead(at(yaw=-3.0 + yaw), arm.tool)[3] == pytest.approx(ahead[3], abs=1e-6)


def test_a_hand_that_is_too_fast_leads_in_its_own_direction():
    deflection = following(np.array([0.06, 0.03, -0.015, 3.0]), FULL, 0.15)
    assert deflection == pytest.approx([1.0, 0.5, -0.25, 1.0])
