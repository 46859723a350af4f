"""How far what a policy would do agrees with what a human does."""

import math

import numpy as np
import pytest

from gato_ros.core.guard.agreement import agreement
from gato_ros.core.guard.proposal import Proposal


def proposal(*twist, opening_m=0.01):
    return Proposal(np.array(twist, np.float64), opening_m, 0.0, 0.0)


@pytest.mark.parametrize(
    ("twist", "cosine"),
    [
        ((0.05, 0.0, 0.0, 0.0), 1.0),
        ((0.02, 0.0, 0.0, 9.0), 1.0),
        ((-0.05, 0.0, 0.0, 0.0), -1.0),
        ((0.0, 0.05, 0.0, 0.0), 0.0),
        ((0.05, 0.05, 0.0, 0.0), math.sqrt(0.5)),
    ],
)
def test_the_cosine_is_that_of_the_directions_only(twist, cosine):
    found = agreement(proposal(0.05, 0.0, 0.0, 0.0), proposal(*twist))
    assert found.cosine == pytest.approx(cosine)
    assert agreement(proposal(*twist), proposal(0.05, 0.0, 0.0, 0.0)) == found


def test_one_who_stands_still_has_no_direction_but_differs():
    found = agreement(proposal(0.03, 0.04, 0.0, 0.2), proposal(0.0, 0.0, 0.0, -0.3, opening_m=0.06))
    assert math.isnan(found.cosine) and found.speed_difference_m_s == pytest.approx(0.05)
    assert found.turn_difference_rad_s == pytest.approx(0.5) and found.opening_difference_m == pytest.approx(0.05)
