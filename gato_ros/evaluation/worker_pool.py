"""Processes for episodes side by side: one thread each, quiet, and gone when their parent is."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context

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
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers compute with one thread: results stay the same, and they do not fight for cores.

    Ctrl-C, an error or the parent's death ends the workers at once.
    """
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


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = dict(os.environ)
    flags, one_thread = before.get("XLA_FLAGS", ""), ONE_THREAD["XLA_FLAGS"]
    # Once: kept compiled code is known by these flags, and a parent that has set them shares it with its workers.
    flags = flags if one_thread in flags else f"{flags} {one_thread}".strip()
    os.environ.update({**ONE_THREAD, "XLA_FLAGS": flags})
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
