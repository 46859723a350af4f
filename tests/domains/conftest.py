"""A pool that plays in this process: to start another one takes longer than what these tests play."""

import contextlib
from concurrent.futures import Future

import pytest

from gato_ros.evaluation.foreign import collection, evaluation


class Here:
    """A pool of no processes."""

    def submit(self, work, *arguments):
        done = Future()
        done.set_result(work(*arguments))
        return done


@pytest.fixture
def played_here(monkeypatch):
    """Collection and evaluation in domains play in this process."""

    @contextlib.contextmanager
    def pool(workers, *options):
        yield Here()

    for module in (collection, evaluation):
        monkeypatch.setattr(module, "worker_pool", pool)
