"""Batches made by Grain: several threads or worker processes ahead of the step, in place of one thread.

The seam is a function from step to batch. Grain's random-access source is the range of steps itself, so what comes
out does not depend on threads or workers, and a resumed run needs no saved position: it starts at its step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from gato_ros.core.errors import SetupError

T = TypeVar("T")


def grain_batches(
    make: Callable[[int], T], first_step: int, steps: int, *, threads: int = 2, ahead: int = 4, workers: int = 0
) -> Iterator[T]:
    """`make(step)` for the steps [first_step, steps), in order.

    Args:
        make: a pure function of the step, such as `examples.BatchMaker`; it must pickle if there are workers.
        threads: that make batches, in each process. On two cores beside the training step one or two are enough.
        ahead: batches that may be ready and waiting.
        workers: processes, where `make` holds the interpreter's lock; 0 makes the batches in this process. Each holds
            a copy of the data, and is spawned, so that it does not inherit JAX's threads.
    """
    import grain

    for name, value, least in (("threads", threads, 1), ("ahead", ahead, 1), ("workers", workers, 0)):
        if value < least:
            raise SetupError(expected=f"{name} of at least {least}", got=str(value), fix="see `train --help`")
    if first_step >= steps:
        return iter(())
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(ahead, threads))
    source = grain.MapDataset.range(first_step, steps).map(make).to_iter_dataset(options)
    if workers:
        from absl import flags

        if not flags.FLAGS.is_parsed():  # Grain's workers read flags of absl, which has no command line here
            flags.FLAGS.mark_as_parsed()
        source = source.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    return iter(source)
