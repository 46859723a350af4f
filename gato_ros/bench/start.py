"""Time from starting a process to a policy's first action: with nothing compiled, and from the compilation cache.

Each start is a process of its own. The cold ones begin with an empty cache folder; a warm one finds what a cold one
left. Files may be in the machine's page cache in both.
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
from typing import Any

import numpy as np

from gato_ros.core.bounds import Count, check_bounds
from gato_ros.core.errors import SetupError

CHILD = "from gato_ros.bench.start import first_action; import sys; first_action(sys.argv[1])"
PHASES = ("imports", "weights", "warm_up", "first_action")


@dataclass(frozen=True)
class Options:
    """Which policy, and how often."""

    policy: str = ""
    """A folder with weights, or the name of shipped ones; default: the one that `sim` takes."""
    starts: Count = 3
    """Cold starts, and as many warm ones."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Measure; seconds of every start and their medians."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import DEFAULT, driving_weights

    check_bounds(options)
    folder = driving_weights(options.policy or DEFAULT, load_embodiment())
    rows: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for number in range(options.starts):
        with tempfile.TemporaryDirectory() as cache:
            for kind in rows:
                print(f"{kind} start {number + 1} of {options.starts}", flush=True)
                rows[kind].append(_start(folder, cache))
    medians = {
        kind: {name: float(np.median([row[name] for row in found])) for name in found[0]}
        for kind, found in rows.items()
    }
    _print(medians)
    return {"policy": folder.name, "seconds": rows, "median_s": medians, "cores": os.cpu_count()}


def _start(folder: Path, cache: str) -> dict[str, float]:
    """Seconds of one start as a whole, and of its phases as the process itself counts them."""
    from gato_ros.evaluation.policy_source import COMPILATION_CACHE

    root = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        COMPILATION_CACHE: cache,
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], env=environment, stdout=subprocess.PIPE, text=True
    )
    line = child.stdout.readline()
    total = time.perf_counter() - began
    if child.wait() != 0 or not line:
        raise SetupError(
            expected=f"a policy in {folder} that starts",
            got=f"exit code {child.returncode}",
            fix="see its message above",
        )
    return {"total": total, **json.loads(line)}


def first_action(folder: str) -> None:
    """What a node does from its start to its first action; prints the seconds of each phase as one line of JSON."""
    marks = [time.perf_counter()]
    from gato_ros.core.observation import Observation
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy

    keep_compiled()
    robot = load_embodiment()
    marks.append(time.perf_counter())
    policy = GatoPolicy.from_directory(folder, robot)
    marks.append(time.perf_counter())
    policy.warm_up()
    marks.append(time.perf_counter())
    values: dict[str, Any] = {}
    for key in policy.observation_keys:
        channel = robot.channel(key)
        values[key] = np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
    policy.act(Observation(values))
    marks.append(time.perf_counter())
    print(json.dumps(dict(zip(PHASES, np.diff(marks).round(4).tolist()))), flush=True)


def _print(medians: dict[str, dict[str, float]]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    phases = [name.replace("_", " ") for name in PHASES]
    table = Table("median [s]", "process to first action", *phases, show_edge=False)
    for kind, row in medians.items():
        table.add_row(kind, *(f"{row[name]:.2f}" for name in ("total", *PHASES)))
    make_console().print(table)
