import math

import numpy as np
import pytest

from gato_ros.core.guard.smoothstep import smoothstep


def test_it_goes_from_nothing_to_all_without_a_step():
    shares = np.array([smoothstep(t, 0.4) for t in np.linspace(-0.1, 0.5, 601)])
    assert shares[:101].max() == 0.0 and (shares[500:] == 1.0).all()
    assert (np.diff(shares) >= 0.0).all() and np.diff(shares).max() < 1.5 * 0.001 / 0.4 * 1.001
    # Zero slope at both ends: what follows it does not jolt.
    assert shares[102] < 1e-4 and shares[498] > 1.0 - 1e-4


@pytest.mark.parametrize(
    "elapsed_s, duration_s, share",
    [
        (0.0, 0.4, 0.0),
        (0.1, 0.4, 0.15625),
        (0.2, 0.4, 0.5),
        (0.3, 0.4, 0.84375),
        (0.4, 0.4, 1.0),
        (2.0, 2.0, 1.0),
        (0.0, 0.0, 1.0),
        (math.inf, 0.4, 1.0),
        (math.nan, 0.4, 0.0),
        (-math.inf, 0.4, 0.0),
        (1.0, 4.0, 0.15625),
    ],
)
def test_values(elapsed_s, duration_s, share):
    assert smoothstep(elapsed_s, duration_s) == pytest.approx(share)
