"""Demonstrations on a Ray cluster of local nodes while workers, nodes and the driver are killed (SIGKILL).

The same episodes are collected three times: by one local process, by the cluster, and by the cluster under kills. All
files have to be equal. The speed-up is that of the whole command without kills over one process, starts included.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gato_ros.core.bounds import CountOrNone, Episodes, Seed, Within, check_bounds
from gato_ros.core.errors import SetupError

KINDS = ("worker", "node", "worker", "node", "driver")
"""What is killed, in turn."""
PATIENCE_S = 600.0
"""For the next file."""


@dataclass(frozen=True)
class Options:
    """How many episodes, nodes and kills."""

    episodes: Episodes = 1000
    """Episodes of the first task of the domain."""
    kills: CountOrNone = 10
    """Workers, nodes and drivers, spread over the files that come."""
    nodes: Annotated[int, Within(2, 64)] = 3
    """Of one CPU each; the one with the cluster's memory is not killed."""
    domain: str = "scenes"
    """Whose demonstrations; a file of these with pictures holds ten episodes."""
    seed: Seed = 0
    """Of the first episode, and of who is killed."""
    json: Path | None = Path("out/cluster.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Collect three times; ok when every seed is there once, with the same bytes, after all kills."""
    from gato_ros.bench.cluster.local_nodes import local_nodes
    from gato_ros.evaluation.cluster.ray_pool import require_ray

    check_bounds(options)
    require_ray()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="gato_ros_cluster_") as folder:
        one, many, killed = (Path(folder) / name for name in ("one", "many", "killed"))
        one_s = _timed(options, one, "--workers", "1")
        with local_nodes(options.nodes) as nodes:
            many_s = _timed(options, many, "--ray", nodes.address)
            began_s = time.monotonic()
            kills = _under_kills(options, nodes, killed, len(_files(one)))
            killed_s = time.monotonic() - began_s
        result = {
            "episodes": options.episodes,
            "kills": kills.total(),
            **judged(one, killed),
            "unequal": len(unequal(one, many) | unequal(one, killed)),
            "speedup": one_s / many_s,
            "killed": dict(kills),
            "nodes": options.nodes,
            "cores": os.cpu_count(),
            "load_before": load,
            "seconds": {"one_process": one_s, "cluster": many_s, "cluster_with_kills": killed_s},
        }
    result["ok"] = not (result["missing"] or result["doubled"] or result["unequal"]) and kills.total() == options.kills
    print(
        f"{result['kept']} episodes, {result['kills']} kills ({dict(kills)}): {result['missing']} missing, "
        f"{result['doubled']} doubled, {result['unequal']} files unequal; {one_s:.0f} s by one process, "
        f"{many_s:.0f} s by {options.nodes} nodes on {result['cores']} cores ({result['speedup']:.2f}x), "
        f"{killed_s:.0f} s under kills"
    )
    return result


def _started(options: Options, out: Path, *words: str) -> subprocess.Popen:
    command = ["collect", "--domain", options.domain, "--episodes", str(options.episodes), "--seed", str(options.seed)]
    command = [sys.executable, "-m", "gato_ros", *command, "--out", str(out), *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _timed(options: Options, out: Path, *words: str) -> float:
    began_s = time.monotonic()
    _finished(_started(options, out, *words))
    return time.monotonic() - began_s


def _finished(driver: subprocess.Popen) -> None:
    _, said = driver.communicate()
    if driver.returncode:
        raise SetupError(expected="a collection that succeeds", got=said.strip()[-500:], fix="run `collect` by itself")


def _under_kills(options: Options, nodes, out: Path, files: int) -> Counter:
    """Collect, and kill one more each time so many files have come; how often what was killed."""
    chance, kills = random.Random(options.seed), Counter()
    words = ("--ray", nodes.address)
    driver = _started(options, out, *words)
    try:
        for number in range(options.kills):
            _wait(driver, nodes, out, files * (number + 1) // (options.kills + 2))
            kind = KINDS[number % len(KINDS)]
            if driver.poll() is not None:
                break
            if kind == "driver":
                driver.kill()
                driver.communicate()
                driver = _started(options, out, *words)
            elif kind == "node":
                nodes.kill(chance.randrange(len(nodes.others)))
                nodes.add()
            else:
                chance.choice(nodes.workers()).kill()
            kills[kind] += 1
        _finished(driver)
    finally:
        driver.kill()
    return kills


def _wait(driver: subprocess.Popen, nodes, out: Path, count: int) -> None:
    """Until so many files are there and there is a worker to kill, or the driver has ended."""
    end_s = time.monotonic() + PATIENCE_S
    while driver.poll() is None and (len(_files(out)) < count or not nodes.workers()):
        if time.monotonic() > end_s:
            raise SetupError(expected=f"{count} files", got=str(len(_files(out))), fix="look at the cluster's logs")
        time.sleep(0.05)


def _files(out: Path) -> list[Path]:
    from gato_ros.data.demonstrations.shard import SUFFIX

    return sorted(out.glob(f"[!.]*{SUFFIX}"))


def _seeds(out: Path) -> Counter:
    """How often each episode is there, by what its file says."""
    from gato_ros.data.demonstrations.shard import read_head

    heads = map(read_head, _files(out))
    return Counter((head.task, episode.seed) for head in heads for episode in head.episodes)


def judged(one: Path, other: Path) -> dict[str, int]:
    """How many episodes the first folder has, and how many of them the other one lacks, or has too often."""
    expected, found = _seeds(one), _seeds(other)
    return {
        "kept": expected.total(),
        "missing": (expected - found).total(),
        "doubled": (found - expected).total(),
    }


def unequal(one: Path, other: Path) -> set[str]:
    """Names of files that are not in both with the same bytes."""
    here, there = ({path.name: path.read_bytes() for path in _files(folder)} for folder in (one, other))
    return {name for name in here.keys() | there.keys() if here.get(name) != there.get(name)}
