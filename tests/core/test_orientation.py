"""The cone and the turn of the tool: angles, rates, and what of a motion stays inside."""

import numpy as np
import pytest

from gato_ros.core.guard.following.orientation import OrientationLimits, turned

CONE, GAIN, SPARE = 0.5, 20.0, 0.01
RANDOM = np.random.default_rng(0)
SIDEWAYS = turned(np.eye(3), np.array([0.3, -1.2, 0.4]))
"""A middle that is no axis of the base."""
LIMITS = OrientationLimits(SIDEWAYS, CONE, -1.0, 1.2)


def at(tilt: float, yaw: float, towards: float = 0.7) -> np.ndarray:
    """base_from_tool with that tilt, in some direction, after that turn."""
    swing = turned(np.eye(3), tilt * np.array([np.cos(towards), np.sin(towards), 0.0]))
    return SIDEWAYS @ swing @ turned(np.eye(3), np.array([0.0, 0.0, yaw]))


def shadow(rotation: np.ndarray) -> np.ndarray:
    return np.array(LIMITS.at(rotation).shadow)


@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.45, 1.4])
@pytest.mark.parametrize("yaw", [-3.0, -0.9, 0.0, 0.4, 3.1])
def test_tilt_and_turn_are_those_that_were_put_in(tilt, yaw):
    assert LIMITS.at(at(tilt, yaw)).tilt == pytest.approx(tilt, abs=1e-7)
    assert LIMITS.at(at(tilt, yaw)).yaw == pytest.approx(yaw, abs=1e-9)
    assert np.linalg.norm(shadow(at(tilt, yaw))) == pytest.approx(np.sin(tilt), abs=1e-9)


def test_rates_are_those_of_small_turns():
    for _ in range(20):
        rotation, omega = (
            at(RANDOM.uniform(0, 2.6), RANDOM.uniform(-2, 2), RANDOM.uniform(-3, 3)),
            RANDOM.normal(size=3),
        )
        later, before = turned(rotation, omega * 1e-5), turned(rotation, -omega * 1e-5)
        assert LIMITS.at(rotation).yaw_rate(omega) == pytest.approx(
            (LIMITS.at(later).yaw - LIMITS.at(before).yaw) / 2e-5, abs=1e-6
        )
        np.testing.assert_allclose(
            LIMITS.at(rotation).shadow_rate(omega),
            (shadow(later) - shadow(before)) / 2e-5,
            atol=1e-6,
        )


def test_an_upside_down_tool_has_numbers_too():
    """There the turn about the axis means nothing; a guard that divides by zero would raise."""
    for rounding in (1.0, 1.0 + 1e-12):
        over = LIMITS.at(SIDEWAYS @ np.diag([1.0, -1.0, -1.0]) * rounding)
        assert over.tilt == pytest.approx(np.pi) and np.isfinite(over.yaw_rate([1.0, 2.0, 3.0]))
        assert LIMITS.at(SIDEWAYS * rounding).tilt == pytest.approx(0.0, abs=1e-7)
    level = OrientationLimits(np.eye(3), CONE, -1.0, 1.2).at(np.diag([1.0, -1.0, -1.0]))
    for omega in ([0.0, 0.0, 0.0], [0.3, -0.2, 0.1]):
        assert level.share(omega, GAIN) == 1.0 and np.isfinite(level.slid(omega, GAIN, 0.05, SPARE)).all()


def test_turned_is_a_rotation_about_the_axis():
    by = np.array([0.4, -0.2, 0.9])
    made = turned(np.eye(3), by)
    np.testing.assert_allclose(made @ by, by, atol=1e-12)
    np.testing.assert_allclose(made @ made.T, np.eye(3), atol=1e-12)
    assert np.trace(made) == pytest.approx(1 + 2 * np.cos(np.linalg.norm(by)))
    assert turned(SIDEWAYS, np.zeros(3)) is SIDEWAYS


def ends(omega, rotation) -> tuple[float, float]:
    """Sine of the tilt, and the turn, where a stop from there ends, to first order."""
    end = shadow(rotation) + np.array(LIMITS.at(rotation).shadow_rate(omega)) / GAIN
    return float(np.linalg.norm(end)), LIMITS.at(rotation).yaw + LIMITS.at(rotation).yaw_rate(omega) / GAIN


def test_a_motion_far_inside_is_left_alone():
    omega = np.array([0.5, -0.3, 0.2])
    np.testing.assert_allclose(LIMITS.at(at(0.1, 0.1)).slid(omega, GAIN, 0.05, SPARE), omega, atol=1e-12)
    assert LIMITS.at(at(0.1, 0.1)).share(omega, GAIN) == 1.0


def test_a_motion_slides_along_the_cone_and_the_turn():
    for _ in range(40):
        rotation = at(RANDOM.uniform(0.3, 0.48), RANDOM.uniform(-0.95, 1.15), RANDOM.uniform(-3, 3))
        omega = RANDOM.normal(size=3) * 8.0
        slid = LIMITS.at(rotation).slid(omega, GAIN, 0.0, SPARE)
        size, yaw = ends(slid, rotation)
        assert size <= np.sin(CONE - SPARE) + 1e-9
        assert LIMITS.yaw_lower + SPARE - 1e-9 <= yaw <= LIMITS.yaw_upper - SPARE + 1e-9
    # Along the cone: what was across it is gone, what was along it stays.
    edge = at(CONE - SPARE, 0.0)
    across = np.cross(edge[:, 2], SIDEWAYS[:, 2])
    outward = -across / np.linalg.norm(across)
    assert shadow(edge) @ LIMITS.at(edge).shadow_rate(outward) > 0
    assert np.linalg.norm(LIMITS.at(edge).slid(outward, GAIN, 0.0, SPARE)) < 1e-9
    inward = LIMITS.at(edge).slid(-outward, GAIN, 0.0, SPARE)
    np.testing.assert_allclose(inward, -outward, atol=1e-12)
    sideways = LIMITS.at(edge).slid(outward + 0.3 * edge[:, 2], GAIN, 0.0, SPARE)
    np.testing.assert_allclose(sideways, 0.3 * edge[:, 2], atol=1e-9)


def test_of_a_narrow_cone_half_is_left():
    narrow = OrientationLimits(SIDEWAYS, 0.012, -1.0, 1.2).at(SIDEWAYS)
    slid = narrow.slid(SIDEWAYS[:, 0] * 5.0, GAIN, 0.0, SPARE)
    assert np.linalg.norm(narrow.shadow_rate(slid)) / GAIN == pytest.approx(np.sin(0.006))


def test_from_outside_a_little_leads_back_and_a_tool_that_stands_stands():
    for rotation, back in ((at(0.6, 0.2), "tilt"), (at(0.1, 1.4), "yaw"), (at(0.1, -1.2), "yaw")):
        assert np.abs(LIMITS.at(rotation).slid(np.zeros(3), GAIN, 0.0, SPARE)).max() < 1e-12
        omega = np.array(LIMITS.at(rotation).slid(np.zeros(3), GAIN, 0.04, SPARE))
        later = turned(rotation, omega * 1e-3)
        value = (lambda r: LIMITS.at(r).tilt) if back == "tilt" else (lambda r: abs(LIMITS.at(r).yaw))
        assert (value(rotation) - value(later)) / 1e-3 == pytest.approx(0.04, rel=0.3)


def test_a_share_ends_at_the_edge_and_what_leads_inwards_is_free():
    for _ in range(40):
        rotation, omega = at(RANDOM.uniform(0.2, 0.49), RANDOM.uniform(-0.9, 1.1)), RANDOM.normal(size=3) * 8.0
        share = LIMITS.at(rotation).share(omega, GAIN)
        size, yaw = ends(omega * share, rotation)
        assert 0.0 <= share <= 1.0 and size <= np.sin(CONE) + 1e-9 and -1.0 - 1e-9 <= yaw <= 1.2 + 1e-9
        if share < 1.0:  # and no less than that: one of the two is at its edge
            assert max(size - np.sin(CONE), -1.0 - yaw, yaw - 1.2) == pytest.approx(0.0, abs=1e-9)
    edge = at(0.6, 0.0)
    axis = np.cross(edge[:, 2], SIDEWAYS[:, 2])
    assert LIMITS.at(edge).share(axis, GAIN) == 1.0 and LIMITS.at(edge).share(-axis, GAIN) == 0.0
    beyond = LIMITS.at(at(0.0, 1.3))
    assert beyond.share(edge[:, 2], GAIN) == 0.0 and beyond.share(-edge[:, 2], GAIN) == 1.0
    assert LIMITS.at(edge).share(np.zeros(3), GAIN) == 1.0
