"""Work on three local nodes of Ray, whose workers and nodes are killed, and whose driver is."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from gato_ros.bench.cluster.local_nodes import local_nodes
from gato_ros.core.errors import SetupError
from gato_ros.domains import domain_file
from gato_ros.domains.registry import load_domain
from gato_ros.evaluation.cluster import ray_pool
from gato_ros.evaluation.collection import Collection, collect
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.settings import Evaluation
from gato_ros.evaluation.worker_pool import worker_pool
from tests.evaluation.cluster.work import die, refuse, threads_and_tasks, write

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: make test-ray"),
    pytest.mark.timeout(1200),  # a busy machine takes minutes to start three nodes
]
SLOW = "tests/evaluation/cluster/slow_line.py"
EPISODES, SHARDS = 90, 9
PATIENCE_S = 240


@pytest.fixture(scope="module")
def nodes():
    with local_nodes(3) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    for known in ("_paths", "_loaded"):
        monkeypatch.setattr(domain_file, known, {})


@pytest.fixture(scope="module")
def local(tmp_path_factory, request):
    """What the local pool writes."""
    out = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(request.config.rootpath)
        collect(Collection(out, domain=SLOW, episodes=EPISODES, workers=2))
    return contents(out)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shards(folder):
    return list(folder.glob("*.array_record"))


@contextmanager
def verb(nodes, out):
    """`collect` on the cluster, in a process of its own, once it has written a shard."""
    words = ["collect", "--domain", SLOW, "--episodes", str(EPISODES), "--out", str(out), "--ray", nodes.address]
    driver = subprocess.Popen([sys.executable, "-m", "gato_ros", *words], stdout=subprocess.PIPE, text=True)
    try:
        wait(lambda: shards(out) or driver.poll() is not None)
        assert driver.poll() is None, "it ended too soon"
        yield driver
    finally:
        driver.kill()
        driver.communicate()


def wait(ready):
    end_s = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < end_s, "nothing happens"
        time.sleep(0.05)


def test_killed_workers_and_nodes_lose_and_double_nothing(nodes, local, tmp_path):
    assert len(local) == SHARDS + 1
    with verb(nodes, tmp_path / "out") as driver:
        wait(nodes.workers)
        nodes.workers()[0].kill()
        nodes.kill(0)
        assert len(shards(tmp_path / "out")) < SHARDS, "they were killed too late to matter"
        said, _ = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 0 and f"{EPISODES} of {EPISODES} kept" in said and "0 were there already" in said
    assert contents(tmp_path / "out") == local


def test_a_killed_driver_goes_on_from_what_is_there(nodes, local, tmp_path):
    out = tmp_path / "out"
    with verb(nodes, out) as driver:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    before = {path: path.stat().st_mtime_ns for path in shards(out)}
    assert 0 < len(before) < SHARDS
    wait(lambda: not nodes.workers())  # nobody works on for a driver that is gone
    counts = collect(Collection(out, domain=SLOW, episodes=EPISODES, ray=nodes.address))
    assert counts["skipped"] == 10 * len(before) and counts["kept"] == EPISODES - counts["skipped"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {name: one for name, one in contents(out).items() if not name.endswith(".partial")} == local


def test_items_are_as_in_a_local_pool(nodes, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_OF_A_TEST", "carried")
    monkeypatch.setattr(ray_pool, "DEATHS", 1)
    names = [load_domain(SLOW).name]
    for ray in (None, nodes.address):
        with worker_pool(1, ray) as pool:
            known = pool.submit(threads_and_tasks, names).result()
            assert known == ("1", "carried", [("near", "broken")])
            out = tmp_path / str(ray)
            out.mkdir()
            assert pool.submit(write, out, "one", b"content").result()[0] == 7
            assert (out / "one").read_bytes() == b"content"
            with pytest.raises(SetupError, match="got this; leave it") as caught:
                pool.submit(refuse, "this").result()
            assert "in refuse" in str(caught.value.__cause__)
            with pytest.raises(TypeError, match="pickle"):
                pool.submit(refuse, threading.Lock()).result()
            if ray:
                with pytest.raises(SetupError, match=r"workers that live; got 2 that died at die\(\)"):
                    pool.submit(die).result()


def test_an_evaluation_is_as_in_a_local_pool(nodes, tmp_path):
    asked = {"policy": "random", "domain": SLOW, "task": "near", "episodes": 20, "quiet": True}
    found = [
        evaluate_policy(Evaluation(**asked, workers=2, ray=ray, json=tmp_path / f"{ray is None}.json"))
        for ray in (None, nodes.address)
    ]
    assert found[0] == found[1] and found[0]["episodes"] == 19, "of one start the expert knows nothing"
    assert (tmp_path / "True.json").read_bytes() == (tmp_path / "False.json").read_bytes()


def test_an_error_of_the_code_is_not_tried_again(nodes, tmp_path):
    with pytest.raises(KeyError, match="no such place with 1 thread") as caught:
        collect(Collection(tmp_path / "out", domain=SLOW, task="broken", episodes=40, ray=nodes.address))
    assert "slow_line.py" in str(caught.value.__cause__)
