import numpy as np
import pytest

from gato_ros.core.guard.clearance import Clearance, closest_on_segments
from gato_ros.embodiments.guard import guard_limits
from gato_ros.embodiments.kinematics import joints_for_tool
from tests.core.guarded_arm import KINEMATICS, ROBOT, START, robot_state

GAIN = 10.0


def capsules(*ends) -> np.ndarray:
    return np.array(ends, float)


ARM = capsules(((0, 0, 0.3), (0, 0, 0.5)), ((0.4, 0, 0.4), (0.4, 0.2, 0.4)))
"""One upright, one lying beside it."""
RULES = Clearance(np.array([0.05, 0.1]), 0.02, 0.1, np.array([0]), np.array([[0, 1]]))


def moving(which: int, direction) -> np.ndarray:
    """[2 2 3 1] Jacobians of one joint that shifts a capsule."""
    jacobians = np.zeros((2, 2, 3, 1))
    jacobians[which, :, :, 0] = direction
    return jacobians


def test_gaps_are_between_surfaces():
    np.testing.assert_allclose(RULES.gaps(ARM), [0.15, 0.35, 0.25])


@pytest.mark.parametrize(
    "direction, speed, share",
    [
        ((0, 0, -1), 1.0, 1.0),  # 1.3 m/s are allowed
        ((0, 0, -1), 2.6, 0.5),
        ((0, 0, 1), 2.6, 1.0),
        ((0, 0, 1), -2.6, 0.5),
        ((0, 1, 0), 99.0, 1.0),
    ],
)
def test_a_capsule_slows_before_the_table(direction, speed, share):
    rules = Clearance(RULES.radius, 0.02, 0.1, np.array([0]), np.zeros((0, 2), int))
    assert rules.share(ARM, moving(0, direction), np.array([speed]), GAIN) == pytest.approx(share)


@pytest.mark.fault("C8")
@pytest.mark.parametrize(
    "which, direction, speed, share",
    [
        (1, (-1, 0, 0), 4.6, 0.5),
        (1, (1, 0, 0), 4.6, 1.0),
        (0, (1, 0, 0), 4.6, 0.5),
        (1, (-1, 0, 0), 2.3, 1.0),
        (1, (-1, 0, 0), 2.31, 2.3 / 2.31),
    ],
)
def test_two_capsules_slow_before_each_other_and_part_freely(which, direction, speed, share):
    rules = Clearance(RULES.radius, 0.02, -9.0, np.array([0]), RULES.pairs)
    assert rules.share(ARM, moving(which, direction), np.array([speed]), GAIN) == pytest.approx(share)


def test_what_is_too_close_already_may_only_part():
    near = ARM - np.array([[[0.0, 0, 0]], [[0.24, 0, 0]]])
    assert RULES.share(near, moving(1, (-1, 0, 0)), np.array([0.001]), GAIN) == 0.0
    assert RULES.share(near, moving(1, (1, 0, 0)), np.array([0.001]), GAIN) == 1.0


@pytest.mark.parametrize("along", [(1.0, 0.0, 0.0), (1.0, -1.0, 1.0)])
@pytest.mark.parametrize(
    "lengths_m, middle", [((0.0, 0.0), 0.5), ((0.3, 0.1), 0.5), ((0.3, 0.1), 0.0), ((0.0, 0.7), 0.5)]
)
@pytest.mark.parametrize("gain", [GAIN, 0.5])
def test_two_that_rush_at_each_other_head_on_are_seen_from_as_far_as_it_takes(along, lengths_m, middle, gain):
    axis, speed, radius = np.array(along) / np.linalg.norm(along), 0.5, np.array([0.0, 0.05, 0.1])
    gap_m = 0.99 * (0.02 + 2 * speed / gain)
    end = np.full(3, middle) + axis * lengths_m[0] / 2
    tip = end + axis * (gap_m + 0.15)
    ends = np.array([(end + 9.0, end + 9.0), (end - axis * lengths_m[0], end), (tip, tip + axis * lengths_m[1])])
    jacobians = np.zeros((3, 2, 3, 1))
    jacobians[1, :, :, 0], jacobians[2, :, :, 0] = axis, -axis
    rules = Clearance(radius, 0.02, -99.0, np.array([0]), np.array([[0, 1], [1, 2]]))
    share = rules.share(ends, jacobians, np.array([speed]), gain)
    assert share == pytest.approx((gap_m - 0.02) * gain / (2 * speed)) and share < 0.999


def test_the_one_that_is_nearest_decides_and_one_that_stands_does_not():
    ends = capsules(
        ((0, 0, 0.3), (0, 0, 0.3)),
        ((0.3, 0, 0.3), (0.3, 0, 0.3)),
        ((0, 0.5, 0.3), (0, 0.5, 0.3)),
        ((0, 0, 0.42), (0, 0, 0.42)),
    )
    jacobians = np.zeros((4, 2, 3, 1))
    jacobians[1, :, 0, 0], jacobians[2, :, 1, 0] = -1.0, -1.0
    rules = Clearance(np.full(4, 0.05), 0.02, -9.0, np.array([0]), np.array([[0, 1], [0, 2], [0, 3]]))
    # 0.18 and 0.38 m are left; the fourth is as near as may be, and stays.
    assert rules.share(ends, jacobians, np.array([5.0]), GAIN) == pytest.approx(0.18 * GAIN / 5.0)
    assert rules.share(ends, jacobians, np.array([1.0]), GAIN) == 1.0


def test_segments_that_cross_run_side_by_side_or_are_points():
    a = capsules(((0, 0, 0), (1, 0, 0)), ((0, 0, 0), (1, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((0, 0, 0), (1, 0, 0)))
    b = capsules(((0.3, -1, 1), (0.3, 1, 1)), ((2, 1, 0), (3, 1, 0)), ((1, 1, 0), (1, 1, 0)), ((2, -1, 0), (2, 1, 0)))
    along_a, along_b = closest_on_segments(a, b)
    np.testing.assert_allclose(along_a[[0, 1, 3]], [0.3, 1.0, 1.0])
    np.testing.assert_allclose(along_b[[0, 1, 3]], [0.5, 0.0, 0.5])


def test_closest_points_are_not_further_than_any_sampled_pair():
    rng, along = np.random.default_rng(0), np.linspace(0, 1, 41)
    a, b = rng.normal(size=(200, 2, 3)), rng.normal(size=(200, 2, 3))
    b[:50, 1] = b[:50, 0] + (a[:50, 1] - a[:50, 0]) * rng.normal(size=(50, 1))  # side by side
    s, t = closest_on_segments(a, b)
    assert ((s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)).all()

    def at(ends, share):
        return ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * share

    found = np.linalg.norm(at(a, s[:, None, None]) - at(b, t[:, None, None]), axis=-1)[:, 0]
    points_a, points_b = at(a, along[None, :, None]), at(b, along[None, :, None])
    sampled = np.linalg.norm(points_a[:, :, None] - points_b[:, None], axis=-1).min(axis=(1, 2))
    assert (found <= sampled + 1e-9).all() and (found >= sampled - 0.15).all()


def test_the_capsules_move_as_their_jacobians_say():
    step = 1e-6
    jacobians = robot_state(START, 0.0).capsule_jacobians
    for joint, axis in enumerate(np.eye(7)):
        change = robot_state(START + step * axis, 0.0).capsule_ends - robot_state(START - step * axis, 0.0).capsule_ends
        np.testing.assert_allclose(jacobians[..., joint], change / (2 * step), atol=1e-7)


def test_the_shipped_geometry_leaves_the_whole_workspace_free():
    rules, limits = guard_limits(ROBOT).clearance, ROBOT.motion_limits
    for x in (0, 1):
        for y in (0, 1):
            corner = np.where([x, y, 0], limits.workspace_upper, limits.workspace_lower)
            ends = robot_state(joints_for_tool(ROBOT, KINEMATICS, corner, 0.3), 0.0).capsule_ends
            assert rules.gaps(ends).min() > rules.distance_m + 0.03
