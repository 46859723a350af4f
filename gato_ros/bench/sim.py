"""Speed of the simulator: CPU time of a control tick, of a camera, and steps per second of whole episodes.

With `--peer-python` and `--peer-source` the peer (google-deepmind/rgb_stacking) runs in the same call, tick by
tick in turn with ours, and the ratios are reported.
"""

from __future__ import annotations

import json as json_module
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gato_ros.core.bounds import Count, Seed
from gato_ros.core.errors import SetupError
from gato_ros.evaluation.option_checks import Program

PEER_PROGRAM = Path(__file__).parent / "peers" / "sim_peer.py"
BLOCK = 20
"""Ticks measured of one side before the other has its turn."""


@dataclass(frozen=True)
class Options:
    """How much to measure."""

    ticks: Count = 400
    """Control ticks (50 ms of simulated time each)."""
    seed: Seed = 0
    """Seed of the first episode."""
    peer_python: Program | None = None
    """Python of a virtual environment that has dm-robotics-moma, dm-robotics-manipulation, dm_control, mujoco."""
    peer_source: Path | None = None
    """A checkout of google-deepmind/rgb_stacking."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; returns milliseconds of CPU time and ratios."""
    if options.ticks < BLOCK:
        raise SetupError(expected=f"--ticks of at least {BLOCK}", got=str(options.ticks), fix="measure longer")
    if (options.peer_python is None) != (options.peer_source is None):
        raise SetupError(
            expected="both --peer-python and --peer-source, or neither", got="one of them", fix="give both"
        )
    for path in (options.peer_python, options.peer_source):
        if path is not None and not path.exists():
            raise SetupError(expected="the peer's Python and checkout", got=f"no {path}", fix="check the path")
    from rich.progress import track

    ours = _Ours(options.seed)
    peer = _Peer(options) if options.peer_python else None
    for _ in track(range(options.ticks // BLOCK), description="bench sim"):
        ours.measure(BLOCK)
        if peer:
            peer.measure(BLOCK)
    result = ours.result()
    if peer:
        result["peer"] = peer.close()
        result["ratio_tick_cpu"] = result["peer"]["tick_cpu_ms"]["mean"] / result["tick_cpu_ms"]["mean"]
        both = result["tick_cpu_ms"]["mean"] + 2 * result["camera_cpu_ms"]["mean"]
        theirs = result["peer"]["tick_cpu_ms"]["mean"] + 2 * result["peer"]["camera_cpu_ms"]["mean"]
        result["ratio_tick_and_two_cameras_cpu"] = theirs / both
    _print(result)
    return result


def _summary(values_ms: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values_ms)),
        "p50": float(np.percentile(values_ms, 50)),
        "p99": float(np.percentile(values_ms, 99)),
        "n": len(values_ms),
    }


class _Ours:
    """The environment under random actions: ticks and cameras timed apart."""

    def __init__(self, seed: int):
        from gato_ros.sim.env import RgbStackingEnv

        self._env = RgbStackingEnv("cubes")
        self._env.reset(seed=seed)
        self._keys = self._env.embodiment.image_keys
        self._rng = np.random.default_rng(seed)
        self._left = self._env.max_steps
        self._tick, self._camera, self._wall, self._ticks = [], [], 0.0, 0

    def measure(self, ticks: int) -> None:
        from gato_ros.core.arm_action import ArmAction

        lower, upper = self._env.embodiment.action_lower, self._env.embodiment.action_upper
        began = time.perf_counter()
        for _ in range(ticks):
            if self._left == 0:
                self._env.reset()
                self._left = self._env.max_steps
            action = ArmAction.from_vector(self._rng.uniform(lower, upper))
            start = time.process_time()
            _, terminated, *_ = self._env.step_action(action)
            self._tick.append((time.process_time() - start) * 1e3)
            for key in self._keys:
                start = time.process_time()
                self._env.world.render(key)
                self._camera.append((time.process_time() - start) * 1e3)
            self._left = 0 if terminated else self._left - 1
        self._wall += time.perf_counter() - began
        self._ticks += ticks

    def result(self) -> dict:
        tick, camera = _summary(self._tick), _summary(self._camera)
        return {
            "tick_cpu_ms": tick,
            "camera_cpu_ms": camera,
            "tick_and_two_cameras_cpu_ms": tick["mean"] + 2 * camera["mean"],
            "episode_steps_per_s": self._ticks / self._wall,
            "load_average": os.getloadavg()[0],
        }


class _Peer:
    """The peer in its own Python; a pipe says when to run."""

    def __init__(self, options: Options):
        environment = {
            **os.environ,
            "MUJOCO_GL": os.environ.get("MUJOCO_GL", "osmesa"),
            "PYTHONPATH": str(options.peer_source),
        }
        for name in ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [str(options.peer_python), str(PEER_PROGRAM)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._read()

    def _read(self) -> dict:
        for line in self._process.stdout:
            if line.startswith("{"):
                return json_module.loads(line)
        raise SetupError(
            expected="the peer to run",
            got=self._process.stderr.read().strip().splitlines()[-1][:200],
            fix="try its own example first",
        )

    def measure(self, ticks: int) -> None:
        self._process.stdin.write(f"{ticks}\n")
        self._process.stdin.flush()
        self._read()

    def close(self) -> dict:
        self._process.stdin.write("0\n")
        self._process.stdin.flush()
        result = self._read()
        self._process.wait(timeout=30)
        return {"tick_cpu_ms": _summary(result["tick_ms"]), "camera_cpu_ms": _summary(result["camera_ms"])}


def _print(result: dict) -> None:
    print(
        f"control tick {result['tick_cpu_ms']['mean']:.2f} ms CPU, camera {result['camera_cpu_ms']['mean']:.2f} ms, "
        f"tick and two cameras {result['tick_and_two_cameras_cpu_ms']:.2f} ms, "
        f"{result['episode_steps_per_s']:.0f} steps/s"
    )
    if "peer" in result:
        print(
            f"peer: tick {result['peer']['tick_cpu_ms']['mean']:.2f} ms, "
            f"camera {result['peer']['camera_cpu_ms']['mean']:.2f} ms; "
            f"it takes {result['ratio_tick_cpu']:.1f} times as long per tick, "
            f"{result['ratio_tick_and_two_cameras_cpu']:.1f} times with two cameras"
        )
