"""The same weights decide the same, whichever set of packages runs them."""

import json
from importlib.metadata import version

import numpy as np
import pytest

from tests.models.fixed_decisions import EXPECTED, LEAST_MARGIN, STEPS, decisions, policies

WRITTEN = json.loads(EXPECTED.read_text())


@pytest.fixture(scope="module")
def made():
    return policies()


@pytest.mark.parametrize("name", WRITTEN["policies"])
def test_actions_are_those_of_the_set_that_wrote_them(made, name):
    expected = WRITTEN["policies"][name]
    found = decisions(*made[name], expected["seeds"])
    np.testing.assert_allclose(found["actions"], expected["actions"], rtol=0.0, atol=1e-5)
    # Actions are bins, the same for many logits: these say how near the logits are.
    for what in ("margins", "entropies"):
        np.testing.assert_allclose(found[what], expected[what], rtol=0.0, atol=1e-3)


def test_every_shipped_policy_is_among_them_and_decides(made):
    assert set(WRITTEN["policies"]) == set(made) and len(made) >= 2
    for name, written in WRITTEN["policies"].items():
        assert len(written["actions"]) == STEPS and np.ptp(written["actions"], axis=0).max() > 0.01, name
        assert np.min(written["margins"]) >= LEAST_MARGIN, name


def test_on_the_main_set_they_were_written_by_it():
    """Another JAX in requirements/ writes them anew, so that `jazzy` is always compared with what is shipped."""
    assert set(WRITTEN["packages"]) == {"jax", "numpy"}
    if version("numpy").split(".")[0] == "2":
        assert WRITTEN["packages"] == {name: version(name) for name in WRITTEN["packages"]}
