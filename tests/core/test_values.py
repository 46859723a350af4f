import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.rotation import matrix_from_quat_xyzw, quat_xyzw_from_matrix, wrap_angle
from gato_ros.core.statistics import wilson95

quaternions = (
    arrays(np.float64, 4, elements=st.floats(-1, 1))
    .filter(lambda q: np.linalg.norm(q) > 1e-3)
    .map(lambda q: q / np.linalg.norm(q))
)


def test_an_action_comes_back_from_its_vector():
    vector = np.array([0.01, -0.02, 0.03, 0.4, 0.05])
    action = ArmAction.from_vector(vector)
    assert action.gripper_opening_m == 0.05
    np.testing.assert_array_equal(action.as_vector(), vector)
    vector[0] = 9.0
    assert action.twist[0] == 0.01, "an action must not change with the array it was made from"


@pytest.mark.parametrize("shape", [(4,), (6,), (1, 5), ()])
def test_an_action_of_another_size_is_refused(shape):
    with pytest.raises(ValueError, match="5 values"):
        ArmAction.from_vector(np.zeros(shape))


@settings(deadline=None)  # a busy machine is no fault
@given(quaternions)
def test_a_rotation_survives_the_way_through_a_matrix(quat):
    matrix = matrix_from_quat_xyzw(quat)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    back = quat_xyzw_from_matrix(matrix)
    assert back[0] >= 0
    np.testing.assert_allclose(matrix_from_quat_xyzw(back), matrix, atol=1e-9)


def test_a_downward_gripper_has_continuous_numbers_through_every_yaw():
    down = np.diag([1.0, -1.0, -1.0])
    turns = [
        np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        for a in np.linspace(-np.pi / 2, np.pi / 2, 181)
    ]
    quats = np.array([quat_xyzw_from_matrix(turn @ down) for turn in turns])
    assert np.abs(np.diff(quats, axis=0)).max() < 0.02


@settings(deadline=None)  # a busy machine is no fault
@given(st.floats(-1e4, 1e4), st.sampled_from([np.pi / 2, np.pi, 2 * np.pi]))
def test_a_wrapped_angle_differs_by_whole_periods(angle, period):
    wrapped = wrap_angle(angle, period)
    assert -period / 2 - 1e-9 <= wrapped <= period / 2 + 1e-9
    turns = (angle - wrapped) / period
    assert turns == pytest.approx(round(turns), abs=1e-6)


@pytest.mark.parametrize(
    ("successes", "episodes", "low", "high"),
    [
        # Wilson 1927 with z = 1.96; values of R's binom::binom.wilson to three digits.
        (0, 10, 0.0, 0.278),
        (10, 10, 0.722, 1.0),
        (5, 10, 0.237, 0.763),
        (80, 100, 0.711, 0.867),
        (1, 100, 0.002, 0.054),
    ],
)
def test_wilson_intervals_are_the_published_ones(successes, episodes, low, high):
    assert wilson95(successes, episodes) == pytest.approx((low, high), abs=6e-4)


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_rate_and_stays_in_bounds(counts):
    successes, episodes = counts
    low, high = wilson95(successes, episodes)
    assert 0 <= low <= high <= 1
    if episodes:
        assert low - 1e-12 <= successes / episodes <= high + 1e-12


@pytest.mark.parametrize("counts", [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="does not hold"):
        wilson95(*counts)


def test_an_unknown_name_offers_the_nearest():
    error = unknown_name("an object set", "triplet", ["cubes", "triplet1"])
    assert isinstance(error, SetupError)
    assert str(error) == "expected an object set in {cubes, triplet1}; got 'triplet'; did you mean 'triplet1'?"
    assert "choose one of those" in str(unknown_name("a verb", "zzz", ["sim"]))


def test_a_setup_error_survives_the_way_home_from_a_worker():
    error = SetupError(expected="a", got="b", fix="c")
    again = pickle.loads(pickle.dumps(error))
    assert (again.expected, again.got, again.fix, str(again)) == ("a", "b", "c", str(error))
