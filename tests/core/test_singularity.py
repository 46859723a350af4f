import numpy as np
import pytest

from gato_ros.core.guard.singularity import SingularityLimits, change_of_jacobian
from tests.core.guarded_arm import KINEMATICS, POSTURE, ROBOT

LIMITS = SingularityLimits(slow=0.06, stop=0.02)
LOWER, UPPER, _ = ROBOT.joint_limits


def smallest(q: np.ndarray) -> float:
    return np.linalg.svd(KINEMATICS.tool(q).jacobian, compute_uv=False)[-1]


def test_the_change_of_the_jacobian_is_its_derivative():
    rng, step = np.random.default_rng(0), 1e-6
    for _ in range(5):
        q, velocity = rng.uniform(LOWER, UPPER), rng.normal(size=7)
        change = KINEMATICS.tool(q + step * velocity).jacobian - KINEMATICS.tool(q - step * velocity).jacobian
        np.testing.assert_allclose(
            change_of_jacobian(KINEMATICS.tool(q).jacobian, velocity), change / (2 * step), atol=1e-7
        )


def stretched(value: float) -> tuple[np.ndarray, np.ndarray]:
    """Joint angles with that smallest singular value, and a velocity that makes it smaller."""
    q, step = POSTURE.copy(), 1e-4
    for _ in range(5000):
        if smallest(q) <= value:
            break
        jacobian = KINEMATICS.tool(q).jacobian
        slopes = np.array([smallest(q + step * axis) - smallest(q - step * axis) for axis in np.eye(7)])
        towards = -slopes / np.linalg.norm(slopes)
        q = q + min(0.01, (smallest(q) - value) / np.linalg.norm(slopes / (2 * step)) + 1e-6) * towards
    assert smallest(q) == pytest.approx(value, abs=1e-3) and jacobian.shape == (6, 7)
    return q, towards


@pytest.mark.parametrize("value", [0.055, 0.04, 0.025])
def test_going_there_is_slowed_in_proportion_and_leaving_is_free(value):
    q, towards = stretched(value)
    jacobian = KINEMATICS.tool(q).jacobian
    assert LIMITS.share(jacobian, towards) == pytest.approx((smallest(q) - 0.02) / 0.04, abs=1e-9)
    assert LIMITS.share(jacobian, -towards) == 1.0
    assert LIMITS.share(jacobian, np.zeros(7)) == 1.0, "standing is no approach"


def test_beyond_the_bound_there_is_only_the_way_back_and_before_it_everything():
    q, towards = stretched(0.015)
    assert LIMITS.share(KINEMATICS.tool(q).jacobian, towards) == 0.0
    assert LIMITS.share(KINEMATICS.tool(q).jacobian, -towards) == 1.0
    q, towards = stretched(0.065)
    assert LIMITS.share(KINEMATICS.tool(q).jacobian, towards) == 1.0


def test_the_stated_bound_on_joint_speed_holds_all_the_way():
    """Joint speed per tool speed along the lost direction, times the share: never above 1/slow."""
    values = np.linspace(0.02, 0.06, 50)
    assert ((values - 0.02) / 0.04 / values <= 1 / 0.06 + 1e-12).all()
    for value in (0.03, 0.05):
        q, towards = stretched(value)
        jacobian = KINEMATICS.tool(q).jacobian
        left, singular, right = np.linalg.svd(jacobian)
        lost = right[5] * np.sign(right[5] @ towards)
        share = LIMITS.share(jacobian, lost)
        if share < 1.0:
            assert share * np.linalg.norm(lost) <= abs(left[:, 5] @ jacobian @ lost) / 0.06 * 1.0001
