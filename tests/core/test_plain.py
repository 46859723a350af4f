"""Plain numbers agree with numpy's."""

import numpy as np
import pytest

from gato_ros.core.guard.plain import cross, dot, length

RANDOM = np.random.default_rng(0)


def test_products_and_lengths_are_numpy_s():
    for _ in range(20):
        a, b = RANDOM.normal(size=(2, 3))
        assert dot(a.tolist(), b.tolist()) == pytest.approx(a @ b, rel=1e-14)
        assert length(a.tolist()) == pytest.approx(np.linalg.norm(a), rel=1e-14)
        np.testing.assert_allclose(cross(a.tolist(), b.tolist()), np.cross(a, b), rtol=1e-12)
