"""The box and the cone around the tool: what slides, what is scaled, and what a bent path needs."""

from dataclasses import replace

import numpy as np
import pytest

from gato_ros.core.guard.following.orientation import OrientationLimits, turned
from gato_ros.core.guard.following.room import SPARE_M, ToolRoom
from gato_ros.core.guard.motion import MotionLimits

DOWN = np.diag([1.0, -1.0, -1.0])
ROOM = ToolRoom(np.array([0.4, -0.2, 0.1]), np.array([0.8, 0.2, 0.5]), OrientationLimits(DOWN, 0.5, -1.0, 1.0))
MOTION = MotionLimits(ROOM.lower, ROOM.upper, 0.2, 0.8, 2.0, 10.0)
MIDDLE, GAIN = np.array([0.6, 0.0, 0.3]), 20.0


def slid(twist, position=MIDDLE, rotation=DOWN, room=ROOM):
    return room.slid(np.array(twist, np.float64).tolist(), np.array(position), at(rotation, room), GAIN, MOTION)


def at(rotation=DOWN, room=ROOM):
    return room.orientation and room.orientation.at(rotation)


def test_a_twist_in_the_middle_is_left_alone():
    twist = [0.1, -0.1, 0.05, 0.3, 0.2, -0.4]
    made, limits = slid(twist)
    np.testing.assert_array_equal(made, twist)
    assert limits == ()


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_twist_slides_along_a_wall(axis, sign):
    position = MIDDLE.copy()
    wall = (ROOM.upper if sign > 0 else ROOM.lower)[axis]
    position[axis] = wall - sign * (SPARE_M + 0.002)
    made, limits = slid([0.1 * sign] * 3 + [0.0] * 3, position)
    assert made[axis] == pytest.approx(sign * 0.002 * GAIN) and limits == ("workspace",)
    assert np.delete(made[:3], axis) == pytest.approx([0.1 * sign] * 2)


@pytest.mark.parametrize(("wish", "back"), [(0.1, 0.05 * 0.5), (1.0, 0.05), (0.0, 0.0)])
def test_outside_a_twentieth_of_the_wish_leads_back(wish, back):
    made, limits = slid([0.0, 0.2 * wish, 0.0, 0.0, 0.0, 0.0] if wish != 0.1 else [0, 0.1, 0, 0, 0, 0], [0.9, 0.0, 0.3])
    assert made[0] == pytest.approx(-back * 0.2) and limits == ("workspace",) * bool(back)
    turning, _ = slid([0.0, 0.0, 0.0, 0.0, 0.0, 0.5], [0.9, 0.0, 0.3])
    assert turning[0] == pytest.approx(-0.05 * 0.5 / 0.8 * 0.2), "a turn is a wish, too"


def test_a_wish_beyond_all_speed_leads_back_no_faster():
    made, _ = slid([0.0, 0.4, 0.0, 0.0, 0.0, 0.0], [0.9, 0.0, 0.3])
    assert made[0] == pytest.approx(-0.05 * 0.2)
    turned_back, limits = slid([0.0, 0.0, 0.0, 0.0, 0.0, 0.4], rotation=turned(DOWN, np.array([0.0, 0.0, 1.2])))
    assert abs(turned_back[5]) == pytest.approx(0.05 * 0.5 * 0.8) and limits == ("orientation",)


def test_a_tilt_at_the_cone_is_taken_away_and_named():
    tilted = turned(DOWN, np.array([0.499, 0.0, 0.0]))
    made, limits = slid([0.0, 0.0, 0.0, 0.8, 0.0, 0.0], rotation=tilted)
    assert abs(made[3]) < 0.06 and limits == ("orientation",)
    assert slid([0.1, 0.0, 0.0, 0.8, 0.0, 0.0], rotation=tilted, room=replace(ROOM, orientation=None))[1] == ()


def planar(lengths=(0.3, 0.3)) -> np.ndarray:
    """[6 2] Jacobian of two joints about z, the arm along x."""
    jacobian = np.zeros((6, 2))
    jacobian[1] = [sum(lengths), lengths[1]]
    jacobian[5] = 1.0
    return jacobian


def test_joint_velocities_are_scaled_to_the_walls():
    velocity, jacobian = np.array([0.1, 0.0]), planar()
    room = replace(ROOM, orientation=None)
    near = np.array([0.6, 0.2 - 0.001, 0.3])
    share, limits = room.share(velocity, jacobian, near, None, GAIN)
    assert share == pytest.approx(0.001 * GAIN / 0.06, rel=1e-6) and limits == ("workspace",)
    assert room.share(-velocity, jacobian, near, None, GAIN) == (1.0, ())
    assert room.share(velocity, jacobian, MIDDLE, None, GAIN) == (1.0, ())


def test_a_path_that_bends_into_a_wall_is_scaled_before_it_does():
    """A stretched arm that turns moves along y, and bends towards the base: the wall at -x is met by the bend alone."""
    room = replace(ROOM, lower=np.array([0.6 - 1e-4, -0.2, 0.1]), orientation=None)
    velocity = np.array([1.0, 0.0])
    share, limits = room.share(velocity, planar(), MIDDLE, None, GAIN)
    bend = 0.6 * 1.0 / (2 * GAIN)
    assert share == pytest.approx(1e-4 * GAIN / bend, rel=1e-6) and limits == ("workspace",)


def test_joint_velocities_are_scaled_to_the_cone():
    jacobian = np.zeros((6, 2))
    jacobian[3] = [1.0, 0.0]
    jacobian[5] = [0.0, 1.0]
    tilted = turned(DOWN, np.array([0.49, 0.0, 0.0]))
    share, limits = ROOM.share(np.array([2.0, 0.0]), jacobian, MIDDLE, at(tilted), GAIN)
    assert limits == ("orientation",) and 0.05 < share < 0.15
    assert ROOM.share(np.array([-2.0, 0.0]), jacobian, MIDDLE, at(tilted), GAIN)[0] == 1.0


def test_a_turn_that_bends_into_the_cone_is_scaled_before_it_does():
    """The first joint turns the axis of the second: what goes along the cone's edge now leads out of it later."""
    jacobian, velocity = np.zeros((6, 2)), np.array([3.0, 3.0])
    jacobian[3:, 0], jacobian[3:, 1] = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    edge = at(turned(DOWN, np.array([0.0, 0.495, 0.0])))
    bent = [3.0, 3.0 * 3.0 / (2 * GAIN), 3.0]
    now, later = edge.share([3.0, 0.0, 3.0], GAIN), edge.share(bent, GAIN)
    share, limits = ROOM.share(velocity, jacobian, MIDDLE, edge, GAIN)
    assert share == pytest.approx(min(now, later)) and now - later > 0.02 and limits == ("orientation",)
