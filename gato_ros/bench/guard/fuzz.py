"""Fuzz the guard: every float there is, on every input, judged by an oracle that shares no code with it.

An arm follows the commands. Proposals from two sources, joint states, clocks, ticks, emergency stops, latches and
resets are drawn at random; an episode that went wrong is drawn again from its seed alone.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Annotated

from gato_ros.core.bounds import ProcessesOrNone, Seed, Within, check_bounds

EPISODE_TICKS = 400
BLOCK = 25
"""Episodes that a worker runs before it reports."""
EXAMPLES = 1000
"""Episodes that went wrong, kept in the result."""
SHOWN = 20


@dataclass(frozen=True)
class Options:
    """How much."""

    ticks: Annotated[int, Within(1, 10**11)] = 10_000_000
    """Guard steps, rounded up to whole episodes of 400."""
    seed: Seed = 0
    """Seed of the first episode; the next ones count up."""
    workers: ProcessesOrNone = 0
    """Processes side by side; 0: one per core."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract whose guard it is."""
    actions: str = ""
    """Guard it as if its action were another: twist_base, twist_tool, joint_velocity, joint_position, joint_delta."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Fuzz; `ok` is False if one command escaped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from gato_ros.bench.guard.episode import robot_of
    from gato_ros.embodiments.kinematics import Kinematics
    from gato_ros.evaluation.worker_pool import worker_pool

    check_bounds(options)
    Kinematics(robot_of(options.embodiment, options.actions))  # here a bad contract is one line, in a worker it is many
    episodes = -(-options.ticks // EPISODE_TICKS)
    workers = options.workers or os.cpu_count() or 1
    blocks = [range(options.seed + i, options.seed + min(i + BLOCK, episodes)) for i in range(0, episodes, BLOCK)]
    found, examples, began_s = Counter(), [], time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, refresh_per_second=2) as progress, worker_pool(workers) as pool:
        bar = progress.add_task("guard ticks", total=episodes * EPISODE_TICKS, rate="")
        # As they come: an order that waits for the slowest would hold back what is known.
        for counts, seen in pool.map(fuzz_episodes, blocks, repeat(options.embodiment), repeat(options.actions)):
            found.update(counts)
            examples += seen
            rate = found["ticks"] / (time.monotonic() - began_s)
            progress.update(bar, completed=found["ticks"], rate=f"{rate:.0f} ticks/s")
    seconds = time.monotonic() - began_s
    result = _result(found, examples, options, workers, seconds)
    print(
        f"{result['ticks']} ticks in {seconds:.0f} s ({result['ticks_per_s']:.0f} a second, {workers} processes): "
        f"{result['escapes']} out of their envelope, {result['nonfinite']} not finite"
    )
    for example in result["examples"][:SHOWN]:
        print(f"  seed {example['seed']}, tick {example['tick']}: {', '.join(example['checks'])}")
    return result


def _result(found: Counter, examples: list[dict], options: Options, workers: int, seconds: float) -> dict:
    from gato_ros.bench.guard.oracle import CHECKS

    return {
        "ticks": found["ticks"],
        "escapes": found["escapes"],
        "nonfinite": found["nonfinite"],
        "by_check": {name: found[name] for name in CHECKS},
        "followed": found["followed"],
        "stopped": found["ticks"] - found["followed"],
        "seed": options.seed,
        "episode_ticks": EPISODE_TICKS,
        "embodiment": options.embodiment,
        "actions": options.actions,
        "examples": examples[:EXAMPLES],
        "workers": workers,
        "seconds": round(seconds, 1),
        "ticks_per_s": round(found["ticks"] / seconds, 1),
        "ok": not found["escapes"],
    }


def fuzz_episodes(
    seeds: range, embodiment: str = "sawyer_rgb_stacking", actions: str = ""
) -> tuple[Counter, list[dict]]:
    """Counts over the episodes of these seeds, and the first tick of each that went wrong."""
    import numpy as np

    from gato_ros.bench.guard.episode import Episode, robot_of
    from gato_ros.bench.guard.oracle import Oracle

    oracle, counts, examples = Oracle(robot_of(embodiment, actions)), Counter(), []
    for seed in seeds:
        trace = Episode(seed, EPISODE_TICKS, embodiment, actions).run()
        escapes = oracle.escapes(trace)
        bad = np.any(list(escapes.values()), axis=0)
        counts.update({name: int(ticks.sum()) for name, ticks in escapes.items()})
        counts.update(ticks=len(trace), escapes=int(bad.sum()), followed=int(trace["following"].sum()))
        if bad.any():
            tick = int(np.argmax(bad))
            examples.append({"seed": seed, "tick": tick, "checks": [name for name in escapes if escapes[name][tick]]})
    return counts, examples
