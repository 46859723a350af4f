"""A pool of no processes for the robot's own verbs: to start one takes longer than what many tests play."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future

from gato_ros.evaluation import collection, episode


class PoolHere:
    """Works at once, in this process."""

    def submit(self, work, *arguments) -> Future:
        done = Future()
        done.set_result(work(*arguments))
        return done


@contextlib.contextmanager
def pool_here(workers: int) -> Iterator[PoolHere]:
    """In place of `worker_pool`: what a process of it would keep until its end is kept until the end of the block."""
    try:
        yield PoolHere()
    finally:
        for kept, name in ((collection._SETUP, "env"), (episode._MADE, "environment")):
            if name in kept:
                kept[name].close()
            kept.clear()
