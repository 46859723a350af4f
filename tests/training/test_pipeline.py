"""Grain gives the batches that the thread gives, in any number of threads and workers, from any step on."""

import time
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.training.pipeline import grain_batches


@dataclass
class Squares:
    """Pure and slow at random, so that order has to be kept by the pipeline."""

    seed: int

    def __call__(self, step):
        rng = np.random.default_rng([self.seed, step])
        time.sleep(0.002 * rng.random())
        return {"step": np.int64(step), "numbers": rng.integers(0, 100, 5)}


def same(left, right):
    assert len(left) == len(right)
    jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.mark.parametrize("options", [{}, {"threads": 7, "ahead": 3}, {"threads": 1, "ahead": 1}])
def test_threads_change_nothing_and_resuming_goes_on(options):
    make = Squares(3)
    whole = [make(step) for step in range(40)]
    same(list(grain_batches(make, 0, 40, **options)), whole)
    same(list(grain_batches(make, 17, 40, **options)), whole[17:])
    assert list(grain_batches(make, 40, 40, **options)) == []


@pytest.mark.slow
def test_worker_processes_change_nothing():
    cubes = partial(np.power, 3)  # of a package: what a spawned worker can import
    assert list(grain_batches(cubes, 2, 7, workers=2, threads=1)) == [9, 27, 81, 243, 729]


def test_no_threads_are_refused():
    with pytest.raises(SetupError, match="threads of at least 1"):
        grain_batches(Squares(0), 0, 3, threads=0)
