"""A Ray cluster with the face of a pool of processes. The only file that imports Ray."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from importlib.util import find_spec
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.domains.domain_file import known_files
from gato_ros.evaluation.cluster.item import Item, Reply, run_item
from gato_ros.evaluation.cluster.sameness import Sameness

AUTO = "auto"
CONNECT_WITHIN_S, ANSWER_WITHIN_S = 5.0, 60.0
"""For a connection at all, and for a cluster to take a program."""
DEATHS = 20
"""So many workers or nodes may die under one item before the item is taken for the reason."""
ITEMS_PER_CPU, FEWEST_ITEMS = 4, 64
"""Sent at a time: results that nobody has written yet take memory, and Ray waits for few faster than for many."""
WAIT_S = 0.2
_CARRIED = ("JAX_", "GATO_ROS_")
"""Environment variables that decide what is computed, by how they begin."""
_PROBE = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
    print("found", ray.get_runtime_context().gcs_address, flush=True)
except Exception as error:
    print(type(error).__name__ + ":", *str(error).split(), flush=True)
"""


@contextlib.contextmanager
def ray_pool(address: str, variables: Mapping[str, str], sameness: Sameness) -> Iterator[RayPool]:
    """A pool on the cluster at that address; what is under way there ends with the block.

    Args:
        address: HOST:PORT of the head, or "auto": the cluster that this machine is part of.
        variables: environment of the worker processes.
        sameness: what every node has to have.

    Raises:
        SetupError: Ray is not installed, or no cluster answers within 65 s.
    """
    place = check_cluster(address)
    import ray

    carried = {name: value for name, value in os.environ.items() if name.startswith(_CARRIED)}
    ray.init(
        address=place,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"env_vars": {**carried, **variables}},
    )
    try:
        if not ray.cluster_resources().get("CPU", 0):
            raise SetupError(
                expected=f"CPUs in the cluster at {place}", got="none", fix="let a machine join without --num-cpus=0"
            )
        pool = RayPool(sameness)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
    finally:
        ray.shutdown()


class RayPool(Executor):
    """Each item takes one CPU of some node. One whose worker or node dies is done again; one that fails is not."""

    def __init__(self, sameness: Sameness):
        """Ray has to be connected."""
        import ray

        self._sameness = sameness
        self._ray: Any = ray
        self._do = ray.remote(num_cpus=1, max_retries=DEATHS, retry_exceptions=False)(run_item)
        self._waiting: queue.SimpleQueue[tuple[Item, Future]] = queue.SimpleQueue()
        self._sent: dict[Any, tuple[Item, Future]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="ray_pool", daemon=True)
        self._thread.start()

    def submit(self, work: Callable, /, *arguments: Any) -> Future:
        """Have `work(*arguments)` done on some node; see `writes_into_folder` for work that writes files."""
        future: Future = Future()
        self._waiting.put((Item(work, arguments, known_files(), os.getcwd(), self._sameness), future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End; what was not done is cancelled."""
        self._ended.set()
        self._thread.join()
        for ref, (_, future) in self._sent.items():
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.cancel(ref, force=True)
            future.cancel()

    def _serve(self) -> None:
        try:
            while not self._ended.is_set():
                self._send()
                if not self._sent:
                    self._ended.wait(WAIT_S)
                    continue
                done, _ = self._ray.wait(list(self._sent), num_returns=1, timeout=WAIT_S)
                for ref in done:
                    self._receive(ref)
        except BaseException as error:  # the connection is gone: nobody may wait for ever
            for _, future in self._sent.values():
                future.set_exception(_lost(error))
            self._sent.clear()

    def _send(self) -> None:
        if self._waiting.empty():
            return
        # Asked each time: a node that has joined meanwhile gets its share.
        cpus = int(self._ray.cluster_resources().get("CPU", 0))
        while len(self._sent) < max(FEWEST_ITEMS, ITEMS_PER_CPU * cpus) and not self._waiting.empty():
            item, future = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                self._sent[self._do.remote(item)] = item, future
            except Exception as error:  # it cannot be pickled
                future.set_exception(error)

    def _receive(self, ref: Any) -> None:
        item, future = self._sent.pop(ref)
        try:
            reply: Reply = self._ray.get(ref)
        except self._ray.exceptions.ObjectLostError:  # it was done, and its node died with the result
            self._sent[self._do.remote(item)] = item, future
        except self._ray.exceptions.RayError as error:
            future.set_exception(_not_done(error, item, self._ray.exceptions))
        else:
            reply.settle(item, future)


def check_cluster(address: str) -> str:
    """HOST:PORT of the cluster at that address; also before work that comes long before the cluster's.

    Raises:
        SetupError: as `ray_pool`.
    """
    require_ray()
    return _found(address)


def require_ray() -> None:
    """Raises SetupError where it is not installed."""
    if find_spec("ray") is None:
        raise SetupError(
            expected="the package ray, for --ray", got="no module ray", fix="run `pip install gato_ros[ray]`"
        )


def _found(address: str) -> str:
    """HOST:PORT of a cluster that takes programs from this machine.

    A process of its own asks: where nobody answers, Ray waits for minutes and then ends the process that asked.
    """
    expected = f"a Ray cluster at {address} that this machine is part of"
    host, _, port = address.rpartition(":")
    if address != AUTO and (not host or not port.isdigit() or "/" in host):
        raise SetupError(expected="--ray auto or HOST:PORT", got=address, fix="`ray status` says where the head is")
    join = "is the head up? `ray start --head` starts one, and `ray start --address=HEAD:6379` lets a machine join"
    try:
        if address != AUTO:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_WITHIN_S).close()
        command = [sys.executable, "-c", _PROBE, address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_WITHIN_S)
    except (OSError, OverflowError) as error:
        raise SetupError(expected=expected, got=str(error), fix=join) from None
    except subprocess.TimeoutExpired:
        raise SetupError(expected=expected, got=f"no answer within {ANSWER_WITHIN_S:g} s", fix=join) from None
    said = (done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
    if not said.startswith("found "):
        raise SetupError(expected=expected, got=said[:300], fix=join)
    return said.split()[1]


def _not_done(error: Exception, item: Item, kinds: Any) -> SetupError:
    """Why an item has no reply, in one line."""
    if isinstance(error, (kinds.WorkerCrashedError, kinds.NodeDiedError, kinds.OutOfMemoryError)):
        return SetupError(
            expected="workers that live",
            got=f"{DEATHS + 1} that died at {item.named()}",
            fix="is memory short, or does it crash without --ray, too? see the logs of Ray on the nodes",
        )
    if isinstance(error, kinds.RayTaskError) and "No module named" in str(error):
        return SetupError(
            expected=f"gato_ros {item.sameness.version} in the Python that runs Ray on every node",
            got=str(error).strip().splitlines()[-1][:300],
            fix="install it there",
        )
    return _lost(error)


def _lost(error: BaseException) -> SetupError:
    said = " ".join(str(error).split())[:300]
    return SetupError(
        expected="a Ray cluster that does its work",
        got=f"{type(error).__name__}: {said}",
        fix="what is done is kept: look at the cluster, and run the same command again",
    )
