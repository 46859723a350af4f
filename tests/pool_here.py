"""A pool of no processes for the robot's own verbs: to start one takes longer than what many tests play."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from unittest.mock import patch

from gato_ros.evaluation import collection, episode

SHORT = 60
"""Ticks of an episode, unless the expert drives: what nobody has trained fails at any length."""


class PoolHere:
    """Works at once, in this process."""

    def submit(self, work, *arguments) -> Future:
        done = Future()
        done.set_result(work(*arguments))
        return done


def _short(parts: Callable) -> Callable:
    """`parts`, of a job or a collection, with an environment that ends early."""

    def made(*arguments):
        from gato_ros.sim.expert import StackingExpert

        environment, *drivers = parts(*arguments)
        if not isinstance(drivers[-1], StackingExpert):
            environment.max_steps = SHORT
        return environment, *drivers

    return made


@contextlib.contextmanager
def pool_here(workers: int, *options) -> Iterator[PoolHere]:
    """In place of `worker_pool`: what a process of it would keep until its end is kept until the end of the block."""
    try:
        with (
            patch.object(collection, "_parts", _short(collection._parts)),
            patch.object(episode, "parts", _short(episode.parts)),
        ):
            yield PoolHere()
    finally:
        for kept, name in ((collection._SETUP, "env"), (episode._MADE, "environment")):
            if name in kept:
                kept[name].close()
            kept.clear()
