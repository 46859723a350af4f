"""A training from a hundred thousand short episodes that stay in their shards.

    start     seconds from the start of the process to the first batch
    memory    resident memory, the largest and that of the moment, after a tenth of the steps and at their end
    resume    weights of a training that was killed in its middle and went on, against one that was not, bit by bit
    speed     steps per second over those from memory, in alternating blocks of one process

The episodes are walks over a small square (`walks.py`): nothing has to be installed for them but array_record.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from gato_ros.core.bounds import Count, Episodes, Within, check_bounds
from gato_ros.core.errors import SetupError

START_S, GROWTH, SPEED = 10.0, 1.10, 0.95
"""The bars: at most, at most, at least."""


@dataclass(frozen=True)
class Options:
    """How many episodes, and how long the trainings are."""

    episodes: Episodes = 100_000
    """Walks of six steps on average, about 13 s for 100,000."""
    steps: Annotated[int, Within(20, 10**6)] = 500
    """Gradient steps of a training; memory is compared after a tenth of them and at their end."""
    blocks: Annotated[int, Within(2, 1000)] = 8
    """Of steps from memory, and as many from shards."""
    block_steps: Count = 20
    """Gradient steps of a block."""
    json: Path | None = Path("out/bench/shards.json")
    """Write the result here."""


def run(options: Options) -> dict:
    """Measure; ok when all bars are met."""
    check_bounds(options)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="gato_ros_shards_") as place:
        root, data = Path(place), Path(place) / "data"
        data.mkdir()
        made = _write(data, options.episodes)
        whole = _child(root, "train", data, root / "whole", options.steps)
        kills = _killed(root, "train", data, root / "killed", options.steps)
        _child(root, "train", data, root / "killed", options.steps)
        equal = _weights(root / "whole") == _weights(root / "killed")
        speed = _child(root, "speed", data, options.blocks, options.block_steps)
    moments = {"tenth": options.steps // 10, "end": options.steps // 10 * 10}
    memory = {kind: {name: whole[f"{kind}_at_{step}"] for name, step in moments.items()} for kind in ("peak", "now")}
    ratio = float(np.median(np.divide(speed["seconds"]["memory"], speed["seconds"]["shards"])))
    result = {
        "episodes": options.episodes,
        "steps_in_data": whole["steps_in_data"],
        **made,
        "start": {key: whole[key] for key in ("start_s", "start_cpu_s", "import_s", "data_s", "data_cpu_s")},
        "memory_mib": memory,
        "memory_growth": max(one["end"] / one["tenth"] for one in memory.values()),
        "resumed_after_kills": kills,
        "resume_bit_identical": equal,
        "speed_ratio": ratio,
        **{key: speed[key] for key in ("seconds", "cpu_seconds", "batch_cpu_ms")},
        "training_steps": options.steps,
        "cores": os.cpu_count(),
        "load": {"before": load, "after": os.getloadavg()[0]},
    }
    result["ok"] = bool(
        whole["start_s"] <= START_S and result["memory_growth"] <= GROWTH and equal and kills and ratio >= SPEED
    )
    _print(result)
    return result


def _write(data: Path, episodes: int) -> dict[str, Any]:
    """The shards, those that are missing among them."""
    from gato_ros.bench.shards.walks import shard_path, write_walks
    from gato_ros.data.demonstrations.reading import shard_paths
    from gato_ros.evaluation.foreign.collection import EPISODES_PER_SHARD
    from gato_ros.evaluation.progress import counted

    parts = [(first, min(EPISODES_PER_SHARD, episodes - first)) for first in range(0, episodes, EPISODES_PER_SHARD)]
    if others := sorted(set(shard_paths(data)) - {shard_path(data, *part) for part in parts}):
        raise SetupError(
            expected=f"no shards but those of {episodes} episodes in {data}",
            got=others[0].name,
            fix="name another folder with --data",
        )
    new = [part for part in parts if not shard_path(data, *part).exists()]
    began_s = time.process_time()
    with counted("episodes", len(new)) as advance:
        for first, count in new:
            write_walks(data, first, count)
            advance(f"{first + count} episodes")
    cpu_s = time.process_time() - began_s
    sizes = [path.stat().st_size for path in shard_paths(data)]
    written = sum(count for _, count in new)
    return {"files": len(sizes), "bytes": sum(sizes), "write_cpu_us": 1e6 * cpu_s / written if written else None}


def _started(root: Path, *words: object, **pipes: Any) -> subprocess.Popen:
    """A part in a process of its own; what one compiled the next ones take."""
    command = [sys.executable, "-m", "gato_ros.bench.shards.child", str(time.monotonic()), *map(str, words)]
    more = {"JAX_COMPILATION_CACHE_DIR": str(root / "compiled"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return subprocess.Popen(command, env={**os.environ, **more}, **pipes)


def _child(root: Path, *words: object) -> dict[str, Any]:
    """What a part prints last."""
    child = _started(root, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, problem = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{words} ended with status {child.returncode}: {problem[-2000:]}")
    return json.loads(said.splitlines()[-1])


def _killed(root: Path, part: str, data: Path, out: Path, steps: int) -> int:
    """Begin a training and kill it after its first checkpoint; how often it was killed: 0 where it was faster."""
    from gato_ros.training.checkpoint import MANIFEST_FILE

    child = _started(root, part, data, out, steps, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while child.poll() is None and not (out / "checkpoint" / MANIFEST_FILE).exists():
            time.sleep(0.05)
    finally:
        child.kill()
    return int(child.wait() < 0)


def _weights(folder: Path) -> bytes:
    return (folder / "last" / "params.safetensors").read_bytes()


def _print(result: dict[str, Any]) -> None:
    start, peak, load = result["start"], result["memory_mib"]["peak"], result["load"]
    print(
        f"{result['episodes']} episodes in {result['files']} files of {result['bytes'] / 2**20:.1f} MiB in all\n"
        f"start      {start['start_s']:6.1f} s to the first batch, {start['start_cpu_s']:.1f} s of the processor; "
        f"{start['data_s']:.1f} s and {start['data_cpu_s']:.1f} s of it for the data\n"
        f"memory     {peak['tenth']:6.0f} MiB at most until a tenth of the steps, {peak['end']:.0f} MiB until the end; "
        f"{result['memory_growth']:.3f}x\n"
        f"resume     {'bit by bit the same weights' if result['resume_bit_identical'] else 'OTHER WEIGHTS'} "
        f"after {result['resumed_after_kills']} kill\n"
        f"speed      {result['speed_ratio']:6.3f} of that from memory\n"
        f"load       {load['before']:.1f} before, {load['after']:.1f} after, {result['cores']} cores"
    )
