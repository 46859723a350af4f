"""Plain numbers agree with numpy's."""

import numpy as np
import pytest

from gato_ros.core.guard.plain import capped, cross, dot, length, plus, share_of_room

RANDOM = np.random.default_rng(0)


def test_products_and_lengths_are_numpy_s():
    for _ in range(20):
        a, b = RANDOM.normal(size=(2, 3))
        assert dot(a.tolist(), b.tolist()) == pytest.approx(a @ b, rel=1e-14)
        assert length(a.tolist()) == pytest.approx(np.linalg.norm(a), rel=1e-14)
        np.testing.assert_allclose(plus(a.tolist(), b.tolist(), 0.3), a + 0.3 * b, rtol=1e-12)
        np.testing.assert_array_equal(plus(a.tolist(), b.tolist()), a + b)
        np.testing.assert_allclose(cross(a.tolist(), b.tolist()), np.cross(a, b), rtol=1e-12)


@pytest.mark.parametrize(
    "vector, norm, expected",
    [
        ((3.0, 4.0, 0.0), 1.0, (0.6, 0.8, 0.0)),
        ((0.3, -0.4, 0.0), 1.0, (0.3, -0.4, 0.0)),
        ((1.0, 0.0, 0.0), 0.2, (0.2, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), 0.2, (0.0, 0.0, 0.0)),
        ((1e308, -1e308, 0.0), 2.0, (np.sqrt(2), -np.sqrt(2), 0.0)),
        ((5e-324, 0.0, 0.0), 1.0, (5e-324, 0.0, 0.0)),
    ],
)
def test_a_vector_is_capped_in_its_own_direction(vector, norm, expected):
    np.testing.assert_allclose(capped(vector, norm), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("speed", "lower", "upper", "share"),
    [
        ([1.0, 0.0], [-1.0, -1.0], [1.0, 1.0], 1.0),
        ([1.0, 0.0], [-1.0, -1.0], [0.25, 1.0], 0.5),
        ([-1.0, 0.5], [-0.1, -1.0], [1.0, 0.125], 0.2),
        ([1.0, 0.0], [-1.0, -1.0], [-0.1, 1.0], 0.0),
        ([-1.0, 0.0], [-3.0, -1.0], [-0.1, 1.0], 1.0),
        ([-1.0, 0.0], [0.1, -1.0], [1.0, 1.0], 0.0),
        ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0], 1.0),
    ],
)
def test_a_room_is_closed_at_the_gain_times_what_is_left(speed, lower, upper, share):
    assert share_of_room(speed, lower, upper, 2.0) == pytest.approx(share)
