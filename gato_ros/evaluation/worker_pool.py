"""Processes for episodes side by side: one thread each, quiet, and gone when their parent is. Here, or on a cluster."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path

from gato_ros.core.processes import signal_with_parent
from gato_ros.domains.domain_file import known_files, remember_files

ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "NPROC": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


@contextlib.contextmanager
def worker_pool(workers: int, ray: str | None = None, reads: Iterable[str | Path | None] = ()) -> Iterator[Executor]:
    """A pool whose workers compute with one thread: results stay the same, and they do not fight for cores.

    Ctrl-C, an error or the parent's death ends the workers at once.

    Args:
        workers: processes of this machine. On a cluster there are as many as it has CPUs.
        ray: address of a Ray cluster whose machines do the work, or "auto".
        reads: files and folders that the work reads; names that are no paths come with the package.

    Raises:
        SetupError: a cluster that does not answer, or no Ray.
    """
    if ray is not None:
        from gato_ros.evaluation.cluster.ray_pool import ray_pool
        from gato_ros.evaluation.cluster.sameness import Sameness

        with ray_pool(ray, _one_thread_variables(), Sameness.of([*reads, *known_files().values()])) as pool:
            yield pool
        return
    with _one_thread():
        # spawn: neither XLA nor PyBullet survives a fork.
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (known_files(),))
        try:
            yield pool
        except BaseException:
            # An episode under way would keep us for seconds, and a second Ctrl-C meanwhile would leave workers behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for child in active_children():
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _one_thread_variables() -> dict[str, str]:
    flags, one_thread = os.environ.get("XLA_FLAGS", ""), ONE_THREAD["XLA_FLAGS"]
    # Once: kept compiled code is known by these flags, and a parent that has set them shares it with its workers.
    flags = flags if one_thread in flags else f"{flags} {one_thread}".strip()
    return {**ONE_THREAD, "XLA_FLAGS": flags}


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(_one_thread_variables())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _start_worker(domains: dict[str, str]) -> None:
    remember_files(domains)
    # A parent that is killed cannot clean up: the kernel does.
    signal_with_parent(signal.SIGKILL)
    # Ctrl-C reaches the whole group: a worker goes without a traceback, the parent says what happened.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    # PyBullet prints to the C stdout, into the progress bar.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
