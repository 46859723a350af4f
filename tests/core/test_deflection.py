import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gato_ros.core.teleop.stick import past_dead_zone, twist_of
from gato_ros.embodiments import load_embodiment

FULL = load_embodiment().action_upper[:4]
LIMITS = load_embodiment().motion_limits


@pytest.mark.parametrize(
    "pushed, moved",
    [
        (0.0, 0.0),
        (0.1, 0.0),
        (-0.1, 0.0),
        (0.55, 0.5),
        (-0.55, -0.5),
        (1.0, 1.0),
        (-1.0, -1.0),
        (1.7, 1.0),
        (-9.0, -1.0),
    ],
)
def test_the_dead_zone_is_silent_and_the_rest_is_a_line_to_the_ends(pushed, moved):
    assert past_dead_zone(np.array([pushed]), 0.1) == pytest.approx([moved])


def test_without_a_dead_zone_everything_counts_and_nan_stays():
    assert past_dead_zone(np.array([0.01, -0.3]), 0.0) == pytest.approx([0.01, -0.3])
    assert np.isnan(past_dead_zone(np.array([np.nan]), 0.1)).all()


def test_full_deflection_is_full_speed_in_the_base_frame():
    for axis in range(4):
        pushed = np.eye(4)[axis]
        assert twist_of(pushed, FULL, 1.0) == pytest.approx(pushed * FULL)
        assert twist_of(-2.0 * pushed, FULL, 0.5) == pytest.approx(-pushed * FULL / 2)


def test_forward_turns_with_the_heading_and_up_and_turn_do_not():
    quarter = twist_of(np.array([1.0, 0.0, 0.5, -1.0]), FULL, 1.0, np.pi / 2)
    assert quarter == pytest.approx([0.0, FULL[0], FULL[2] / 2, -FULL[3]])
    left = twist_of(np.array([0.0, 1.0, 0.0, 0.0]), FULL, 1.0, np.pi / 2)
    assert left == pytest.approx([-FULL[1], 0.0, 0.0, 0.0])


@given(st.lists(st.floats(-3.0, 3.0), min_size=4, max_size=4), st.floats(0.1, 1.0), st.floats(-4.0, 4.0))
def test_no_deflection_leaves_the_contracts_ranges(pushed, speed_scale, heading_rad):
    twist = twist_of(np.array(pushed), FULL, speed_scale, heading_rad)
    assert (np.abs(twist) <= FULL * (1.0 + 1e-9)).all()
    assert np.linalg.norm(twist[:3]) <= LIMITS.linear_speed and abs(twist[3]) <= LIMITS.angular_speed
    # What is shortened keeps its direction.
    wanted = np.clip(pushed, -1.0, 1.0)[:3] * FULL[:3]
    turned = np.array([[np.cos(heading_rad), -np.sin(heading_rad)], [np.sin(heading_rad), np.cos(heading_rad)]])
    wanted[:2] = turned @ wanted[:2]
    assert np.cross(wanted, twist[:3]) == pytest.approx(np.zeros(3), abs=1e-12) and wanted @ twist[:3] >= 0.0
