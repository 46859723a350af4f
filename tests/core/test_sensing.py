"""Operators, kinds of rotation, and which message belongs to an instant: as mathematics."""

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.rotation import matrix_from_quat_xyzw
from gato_ros.core.sensing import operators
from gato_ros.core.sensing.rotation_kinds import NAMES, SIZES, matrix_of_quaternion, matrix_of_values, rotation_values
from gato_ros.core.timing.alignment import KEEP_S, Stream
from gato_ros.core.timing.freshness import Sample

RNG = np.random.default_rng(5)
OPERATORS = [
    operators.Scale(-0.001),
    operators.Scale((2.0, -3.0, 0.5)),
    operators.Offset(1.5),
    operators.Offset((1.0, -2.0, 0.25)),
    operators.Degrees(),
    operators.Radians(),
]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: type(one).__name__)
def test_an_operator_s_inverse_undoes_it(operator):
    values = RNG.normal(size=3)
    np.testing.assert_allclose(operator.inverse(operator.forward(values)), values, atol=1e-12)
    assert not np.allclose(operator.forward(values), values)


def test_operators_go_in_order_and_back_in_the_other():
    pipeline = [operators.Degrees(), operators.Scale(-1.0), operators.Offset(90.0)]
    assert operators.forward(pipeline, np.array([np.pi / 2]))[0] == pytest.approx(0.0)
    assert operators.inverse(pipeline, np.array([0.0]))[0] == pytest.approx(np.pi / 2)


def test_a_clamp_keeps_what_is_within_it():
    clamp = operators.Clamp(-1.0, 2.0)
    assert clamp.forward(np.array([-5.0, 0.5, 5.0])).tolist() == [-1.0, 0.5, 2.0]
    assert clamp.inverse(np.array([0.5])).tolist() == [0.5]


@pytest.mark.parametrize(
    "make", [lambda: operators.Scale(0.0), lambda: operators.Scale((1.0, np.nan)), lambda: operators.Clamp(1.0, 1.0)]
)
def test_an_operator_without_an_inverse_is_refused(make):
    with pytest.raises(SetupError):
        make()


def random_matrix():
    quat = RNG.normal(size=4)
    return matrix_from_quat_xyzw(quat / np.linalg.norm(quat))


@pytest.mark.parametrize("kind", SIZES)
def test_a_rotation_comes_back_from_its_numbers(kind):
    for _ in range(50):
        matrix = random_matrix()
        values = rotation_values(matrix, kind)
        assert values.shape == (SIZES[kind],) == (len(NAMES[kind]),)
        np.testing.assert_allclose(matrix_of_values(values, kind), matrix, atol=1e-9)


def test_rotations_have_the_numbers_of_their_definition():
    yaw = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(rotation_values(yaw, "euler"), [0.0, 0.0, np.pi / 2], atol=1e-12)
    np.testing.assert_allclose(rotation_values(yaw, "axis_angle"), [0.0, 0.0, np.pi / 2], atol=1e-12)
    np.testing.assert_allclose(rotation_values(yaw, "quaternion"), [0.0, 0.0, half, half], atol=1e-12)
    np.testing.assert_allclose(rotation_values(yaw, "six_d"), [0.0, 1.0, 0.0, -1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(rotation_values(np.eye(3), "axis_angle"), np.zeros(3), atol=1e-12)


@pytest.mark.parametrize("pitch", [np.pi / 2, -np.pi / 2])
def test_euler_angles_at_the_pole_give_the_rotation_again(pitch):
    matrix = matrix_of_values(np.array([0.4, pitch, -0.9]), "euler")
    np.testing.assert_allclose(matrix_of_values(rotation_values(matrix, "euler"), "euler"), matrix, atol=1e-6)


def test_euler_angles_turn_about_fixed_axes_in_turn():
    about_x, about_z = matrix_of_values([0.3, 0.0, 0.0], "euler"), matrix_of_values([0.0, 0.0, 0.7], "euler")
    np.testing.assert_allclose(matrix_of_values([0.3, 0.0, 0.7], "euler"), about_z @ about_x, atol=1e-12)


@pytest.mark.parametrize("quat", [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, np.nan]])
def test_what_is_no_unit_quaternion_is_refused(quat):
    with pytest.raises(ValueError, match="quaternion of length"):
        matrix_of_quaternion(np.array(quat, float))


def stream(rule, stamps=(0.0, 0.1, 0.2), max_age_s=0.15):
    made = Stream(rule, max_age_s, period_s=0.05)
    for stamp_s in stamps:
        made.add(Sample(stamp_s, stamp_s, stamp_s))
    return made


@pytest.mark.parametrize(
    "rule, at_s, wanted",
    [
        ("hold", 0.1, 0.2),
        ("hold", -9.0, 0.2),
        ("nearest", 0.14, 0.1),
        ("nearest", 0.16, 0.2),
        ("nearest", 9.0, 0.2),
        ("nearest", -9.0, 0.0),
        ("newest_before", 0.19, 0.1),
        ("newest_before", 0.2, 0.2),
        ("newest_before", -0.01, None),
        ("newest_before", 0.36, None),  # older than max_age_s
        ("drop", 0.14, 0.1),
        ("drop", 0.16, None),  # more than one control period before
        ("drop", -0.01, None),
    ],
)
def test_the_rule_says_which_message_belongs_to_an_instant(rule, at_s, wanted):
    picked = stream(rule).pick(at_s)
    assert (picked and picked.value) == wanted


@pytest.mark.parametrize("rule", ["hold", "nearest", "newest_before", "drop"])
def test_without_an_instant_the_newest_counts(rule):
    assert stream(rule).pick(None).value == 0.2 and stream(rule, stamps=()).pick(0.1) is None


def test_a_stream_forgets_what_no_picture_needs():
    made = stream("nearest", stamps=np.arange(0.0, 10.0, 0.001))
    assert 0.9 * KEEP_S < made.newest.stamp_s - made.pick(0.0).stamp_s <= KEEP_S + 1e-9
    few = Stream("hold", 1.0, 0.05, most=3)
    for i in range(10):
        few.add(Sample(i, float(i) * 0.01, 0.0))
    assert len(few) == 3 and few.newest.value == 9
    assert few.at(0.08).value == 8 and few.at(0.0801) is None and few.at(0.0801, within_s=0.001).value == 8
