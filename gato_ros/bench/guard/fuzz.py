"""Fuzz the guard: every float there is, on every input, judged by an oracle that shares no code with it.

An arm follows the commands. Proposals from two sources, joint states, clocks, ticks, emergency stops, latches and
resets are drawn at random; an episode that went wrong is drawn again from its seed alone.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Annotated

from gato_ros.bench.guard.ledger import Block, Ledger, sources_digest
from gato_ros.core.bounds import ProcessesOrNone, Seed, Within, check_bounds
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.evaluation.option_checks import OutFile

EPISODE_TICKS = 400
BLOCK = 25
"""Episodes that a worker runs before it reports."""
ALL, OWN, PAIR = "all", "own", "pair"
"""Every kind of action, the contract's own, and two of that arm with its own."""
EXAMPLES = 1000
"""Episodes that went wrong, kept in the result."""
SHOWN = 20


@dataclass(frozen=True)
class Options:
    """How much."""

    ticks: Annotated[int, Within(1, 10**11)] = 10_000_000
    """Guard steps of each kind of action, rounded up to whole episodes of 400."""
    seed: Seed = 0
    """Seed of the first episode; the next ones count up."""
    workers: ProcessesOrNone = 0
    """Processes side by side; 0: one per core."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract whose guard it is."""
    actions: str | None = None
    """Guard it as if its action were another, and not its own: twist_base, twist_tool, joint_velocity, joint_position,
    joint_delta, base; `all`: its own, then each of these. `pair`: its own, for two of that arm sent at each other."""
    ledger: OutFile | None = None
    """Keep what was found here, by blocks of seeds: the same command goes on where it stopped."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Fuzz; `ok` is False if one command escaped."""
    from gato_ros.bench.guard.episode import robot_of
    from gato_ros.bench.guard.variants import KINDS
    from gato_ros.embodiments.kinematics import Kinematics
    from gato_ros.evaluation.worker_pool import worker_pool

    check_bounds(options)
    if options.actions not in (None, ALL, PAIR, *KINDS):
        raise unknown_name("a kind of action", str(options.actions), (ALL, PAIR, *KINDS))
    kinds = ("", *KINDS) if options.actions == ALL else (options.actions or "",)
    for kind in kinds:  # here a bad contract is one line, in a worker it is many
        Kinematics(robot := robot_of(options.embodiment, "" if kind == PAIR else kind))
        if kind == PAIR and robot.guard.clearance is None:
            raise SetupError(
                expected=f"guard.clearance in {robot.name} for --actions pair", got="none", fix="add capsules"
            )
    contract = robot_of(options.embodiment).guard_digest
    ledger = Ledger(options.ledger, {"guard": sources_digest(), "contract": contract, "length": str(EPISODE_TICKS)})
    workers, results = options.workers or os.cpu_count() or 1, {}
    with worker_pool(workers) as pool:
        for kind in kinds:
            results[kind or OWN] = _fuzz_kind(kind, options, ledger, pool, workers)
    return results[kinds[0] or OWN] if len(kinds) == 1 else _together(results, options)


def _fuzz_kind(kind: str, options: Options, ledger: Ledger, pool: Executor, workers: int) -> dict:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    first, episodes = options.seed, -(-options.ticks // EPISODE_TICKS)
    blocks = [range(first + i, first + min(i + BLOCK, episodes)) for i in range(0, episodes, BLOCK)]
    before = {block: ledger.found(kind or OWN, block) for block in blocks}
    left = [block for block, found in before.items() if found is None]
    known = done = sum(found.counts["ticks"] for found in before.values() if found is not None)
    if known:
        print(f"{kind or OWN}: {known} of {episodes * EPISODE_TICKS} ticks are in {options.ledger}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    began_s = last_s = time.monotonic()
    with Progress(*columns, refresh_per_second=2) as progress:
        bar = progress.add_task(f"guard ticks, {kind or OWN}", total=episodes * EPISODE_TICKS, completed=known, rate="")
        try:
            run_of = pool.map(fuzz_episodes, left, repeat(options.embodiment), repeat(kind))
            for block, (counts, examples) in zip(left, run_of, strict=True):
                last_s, before_s = time.monotonic(), last_s
                before[block] = Block(counts, examples, last_s - before_s)
                ledger.note(kind or OWN, block, before[block])
                done += counts["ticks"]
                rate = (done - known) / (last_s - began_s)
                progress.update(bar, completed=done, rate=f"{rate:.0f} ticks/s")
        finally:
            ledger.save()
    result = _result(list(before.values()), options, kind, workers)
    print(
        f"{kind or OWN}: {result['ticks']} ticks in {result['seconds']:.0f} s ({result['ticks_per_s']:.0f} a second, "
        f"{workers} processes): {result['escapes']} out of their envelope, {result['nonfinite']} not finite"
    )
    for example in result["examples"][:SHOWN]:
        print(f"  seed {example['seed']}, tick {example['tick']}: {', '.join(example['checks'])}")
    return result


def _result(blocks: list[Block], options: Options, kind: str, workers: int) -> dict:
    from gato_ros.bench.guard.base_oracle import CHECKS as OF_BASE
    from gato_ros.bench.guard.oracle import CHECKS
    from gato_ros.bench.guard.variants import BASE

    checks = (*CHECKS, *OF_BASE) if kind == BASE else CHECKS
    found = sum((block.counts for block in blocks), Counter())
    return {
        "ticks": found["ticks"],
        "escapes": found["escapes"],
        "nonfinite": found["nonfinite"],
        "by_check": {name: found[name] for name in checks},
        "followed": found["followed"],
        "stopped": found["ticks"] - found["followed"],
        "seed": options.seed,
        "episode_ticks": EPISODE_TICKS,
        "embodiment": options.embodiment,
        "actions": kind,
        "examples": [example for block in blocks for example in block.examples][:EXAMPLES],
        "workers": workers,
        **_speed(found["ticks"], sum(block.seconds for block in blocks)),
        **({name: found[name] for name in ("into_spare", "near", "limited", "stopped_beside")} if kind == PAIR else {}),
        "ok": not found["escapes"],
    }


def _speed(ticks: int, seconds: float) -> dict:
    return {"seconds": round(seconds, 1), "ticks_per_s": round(ticks / seconds, 1) if seconds else 0.0}


def _together(results: dict[str, dict], options: Options) -> dict:
    """The sums over all kinds under the names that one kind has, and each kind's own result."""
    first, all_of = next(iter(results.values())), list(results.values())
    checks = dict.fromkeys(name for one in all_of for name in one["by_check"])
    sums = {name: sum(one[name] for one in all_of) for name in ("ticks", "escapes", "nonfinite", "followed", "stopped")}
    return {
        **first,
        **sums,
        "by_check": {name: sum(one["by_check"].get(name, 0) for one in all_of) for name in checks},
        "actions": options.actions,
        "examples": [example | {"actions": kind} for kind, one in results.items() for example in one["examples"]],
        **_speed(sums["ticks"], sum(one["seconds"] for one in all_of)),
        "kinds": results,
        "ok": all(one["ok"] for one in all_of),
    }


def fuzz_episodes(
    seeds: range, embodiment: str = "sawyer_rgb_stacking", actions: str = ""
) -> tuple[Counter, list[dict]]:
    """Counts over the episodes of these seeds, and the first tick of each that went wrong."""
    import numpy as np

    from gato_ros.bench.guard.episode import Episode, robot_of
    from gato_ros.bench.guard.oracle import Oracle
    from gato_ros.bench.guard.pair import fuzz_pairs

    if actions == PAIR:
        return fuzz_pairs(seeds, embodiment)
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
