"""Velocities of the joints from one of the tool, against another way to the same least squares."""

import numpy as np
import pytest

from gato_ros.core.guard.differential_ik import DifferentialIk

SPEED = np.array([1.0, 1.5, 2.0, 1.0, 1.0, 1.0, 3.0])
LOWER, UPPER = np.full(7, -2.0), np.array([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
POSTURE = np.array([0.1, -0.4, 0.2, 0.9, 0.0, 0.5, -0.3])
IK = DifferentialIk(SPEED, LOWER, UPPER, POSTURE)
JACOBIAN = np.random.default_rng(5).normal(size=(6, 7))
Q = np.array([0.3, 0.2, -0.1, 0.4, -0.6, 0.1, 0.8])
DOWN = np.diag([1.0, -1.0, -1.0])
STILL = np.zeros(4)


def tilted(axis: int, angle_rad: float) -> np.ndarray:
    """[3 3] base_from_tool, its z axis turned away from the floor's direction about a base axis."""
    sine, cosine = np.sin(angle_rad), np.cos(angle_rad)
    turn = {
        0: [[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]],
        1: [[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]],
    }[axis]
    return np.array(turn) @ DOWN


def damped(wanted: np.ndarray, damping: float) -> np.ndarray:
    """[joints] that minimise |J v - wanted|^2 + damping^2 |v|^2."""
    rows, goal = np.vstack([JACOBIAN, damping * np.eye(7)]), np.append(wanted, np.zeros(7))
    return np.linalg.lstsq(rows, goal, rcond=None)[0]


@pytest.mark.parametrize("damping", [0.01, 0.5])
def test_it_is_the_damped_least_squares_of_the_twist(damping):
    ik, twist = DifferentialIk(SPEED, LOWER, UPPER, Q, damping), np.array([0.1, -0.05, 0.02, 0.3])
    expected = damped(np.array([0.1, -0.05, 0.02, 0.0, 0.0, 0.3]), damping)
    np.testing.assert_allclose(ik.unlimited(Q, JACOBIAN, DOWN, twist), expected, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("angle_rad", [0.1, -0.3])
def test_a_tilted_tool_is_turned_back(axis, angle_rad):
    ik, wanted = DifferentialIk(SPEED, LOWER, UPPER, Q), np.zeros(6)
    wanted[3 + axis] = -4.0 * np.sin(angle_rad)
    found = ik.unlimited(Q, JACOBIAN, tilted(axis, angle_rad), STILL)
    np.testing.assert_allclose(found, damped(wanted, 0.01), atol=1e-12)


@pytest.mark.parametrize("gain", [None, 2.0])
def test_the_posture_draws_only_what_the_tool_does_not_notice(gain):
    ik = IK if gain is None else DifferentialIk(SPEED, LOWER, UPPER, POSTURE, posture_gain=gain)
    found = ik.unlimited(Q, JACOBIAN, DOWN, STILL)
    null = np.linalg.svd(JACOBIAN)[2][-1]
    np.testing.assert_allclose(found, null * (null @ (POSTURE - Q)) * (gain or 0.3), atol=1e-4)
    assert np.abs(JACOBIAN @ found).max() < 1e-3


def test_the_whole_motion_is_scaled_to_the_slowest_joint():
    wish = np.array([0.5, -4.5, 3.0, 0.0, 0.1, 0.0, 0.0])
    np.testing.assert_allclose(IK.within_limits(np.zeros(7), wish, 100.0), wish / 3.0)
    free = np.array([0.9, -1.4, 1.9, 0.9, -0.9, 0.9, -2.9])
    np.testing.assert_array_equal(IK.within_limits(np.zeros(7), free, 100.0), free)
    np.testing.assert_array_equal(IK.within_limits(np.zeros(7), -free, 100.0), -free)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_joint_comes_to_its_end_at_the_gain_times_the_room(sign):
    ik = DifferentialIk(SPEED, np.full(7, -1.0), np.full(7, 1.0), POSTURE)
    q, wish = np.zeros(7), np.full(7, 0.4) * sign
    q[1] = 0.97 * sign
    np.testing.assert_allclose(ik.within_limits(q, wish, 5.0), wish * (5.0 * 0.03 / 0.4))
    # Away from it nothing holds.
    np.testing.assert_array_equal(ik.within_limits(q, -wish, 5.0), -wish)
    # Beyond it there is only the way back.
    q[1] = 1.2 * sign
    assert not ik.within_limits(q, wish, 5.0).any()
    np.testing.assert_array_equal(ik.within_limits(q, -wish, 5.0), -wish)
    # At it, a motion of the others goes on.
    q[1], wish[1] = sign, 0.0
    np.testing.assert_array_equal(ik.within_limits(q, wish, 5.0), wish)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_last_joint_stops_alone(sign):
    q, wish = np.zeros(7), np.array([0.3, -0.2, 0.1, 0.0, 0.3, 0.2, 2.0]) * sign
    q[6] = 1.98 * sign
    kept = IK.within_limits(q, wish, 5.0)
    np.testing.assert_allclose(kept, [*wish[:6], 0.1 * sign])
    q[6] = 2.5 * sign
    np.testing.assert_array_equal(IK.within_limits(q, wish, 5.0), [*wish[:6], 0.0])
    np.testing.assert_array_equal(IK.within_limits(q, -wish, 5.0), -wish)
    fast = np.append(wish[:6], 9.0 * sign)
    np.testing.assert_array_equal(IK.within_limits(np.zeros(7), fast, 5.0), [*wish[:6], 3.0 * sign])


def test_a_wish_is_not_changed_in_place():
    wish = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    IK.within_limits(np.zeros(7), wish, 5.0)
    assert wish[6] == 9.0


def test_a_joint_velocity_is_the_whole_way_with_the_gain_of_its_own():
    twist, q = np.array([0.4, -0.2, 0.1, 0.3]), Q.copy()
    free = IK.unlimited(q, JACOBIAN, DOWN, twist)
    q[0] = UPPER[0] - 5e-4 if free[0] > 0 else LOWER[0] + 5e-4
    free = IK.unlimited(q, JACOBIAN, DOWN, twist)
    found = IK.joint_velocity(q, JACOBIAN, DOWN, twist)
    np.testing.assert_allclose(found, free * (10.0 * 5e-4 / abs(free[0])))
