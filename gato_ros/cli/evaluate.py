"""Success rates of a policy over object sets, with 95 % Wilson intervals.

Episode k of a set uses seed S+k, so that two policies meet the same starts. The result does not depend on the
number of workers: each computes with one thread.
"""

from __future__ import annotations

import os
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

from gato_ros.cli.worker_pool import worker_pool
from gato_ros.core.errors import SetupError, unknown_name

ALL_TRIPLETS = "triplets"
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Options:
    """Which policy, on what."""

    policy: str = "expert"
    """`expert` (scripted, sees ground truth), `hold`, or a folder with weights."""
    set: str = "cubes"
    """Object set: cubes, triplet1 .. triplet5, train, or triplets (the five one after another)."""
    episodes: int = 100
    """Episodes of each set."""
    seed: int = 900_000
    """Seed of the first episode; the next ones count up. Policies never train on 900000 and above."""
    workers: int = os.cpu_count() or 1
    """Processes."""
    quiet: bool = False
    """No progress bar and no table."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Evaluate with a progress bar; the rates by set."""
    sets = _check(options)
    outcomes: dict[str, list] = {name: [] for name in sets}
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with worker_pool(options.workers) as pool, \
            Progress(TextColumn("evaluate"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                     TextColumn("{task.fields[note]}"), refresh_per_second=2, disable=options.quiet) as progress:
        bar = progress.add_task("", total=len(sets) * options.episodes, note="")
        jobs = {pool.submit(_work, options.policy, name, options.seed + k): name
                for name in sets for k in range(options.episodes)}
        for future in as_completed(jobs):
            outcomes[jobs[future]].append(future.result())
            done = [outcome for rows in outcomes.values() for outcome in rows]
            progress.update(bar, advance=1, note=f"{sum(one.success for one in done)} of {len(done)} stacked")
    result = _result(options, outcomes)
    if not options.quiet:
        _print(result)
    return result


def _check(options: Options) -> tuple[str, ...]:
    """The object sets to run; SetupError for anything that cannot work, before anything is started."""
    from gato_ros.cli.policy_source import make_policy
    from gato_ros.embodiments import load_embodiment
    from gato_ros.sim.task import OBJECT_SETS, TEST_TRIPLETS

    if options.set != ALL_TRIPLETS and options.set not in OBJECT_SETS:
        raise unknown_name("an object set", options.set, (*OBJECT_SETS, ALL_TRIPLETS))
    for name in ("episodes", "workers"):
        if getattr(options, name) < 1:
            raise SetupError(expected=f"--{name} of at least 1", got=str(getattr(options, name)),
                             fix="give a positive number")
    if not 0 <= options.seed <= LARGEST_SEED - options.episodes:
        raise SetupError(expected=f"--seed in [0, {LARGEST_SEED - options.episodes}]", got=str(options.seed),
                         fix="choose another seed")
    if options.json and (options.json.is_dir() or any(path.is_file() for path in options.json.parents)):
        raise SetupError(expected="a file that can be written for --json", got=str(options.json),
                         fix="choose another place")
    make_policy(options.policy, load_embodiment())
    return tuple(TEST_TRIPLETS) if options.set == ALL_TRIPLETS else (options.set,)


_MADE: dict = {}


def _work(policy_name: str, object_set: str, seed: int):
    """One episode in a worker process, which keeps its policy, and its environment while the set is the same."""
    from gato_ros.cli.policy_source import make_environment, make_policy
    from gato_ros.embodiments import load_embodiment
    from gato_ros.training.evaluation import run_episode

    if "policy" not in _MADE:
        _MADE["policy"] = make_policy(policy_name, load_embodiment())
    if _MADE.get("set") != object_set:
        if "environment" in _MADE:
            _MADE.pop("environment").close()
        _MADE.update(set=object_set, environment=make_environment(object_set, _MADE["policy"], load_embodiment()))
    return run_episode(_MADE["environment"], _MADE["policy"], seed)


def _result(options: Options, outcomes: dict[str, list]) -> dict:
    from gato_ros import __version__
    from gato_ros.embodiments import load_embodiment
    from gato_ros.training.evaluation import summarise

    sets = {name: summarise(rows) for name, rows in outcomes.items()}
    embodiment = load_embodiment()
    return {
        "policy": options.policy, "seed": options.seed, "sets": sets,
        "mean_rate": sum(row["rate"] for row in sets.values()) / len(sets),
        "embodiment": embodiment.name, "contract_digest": embodiment.digest, "package_version": __version__,
    }


def _print(result: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("set", "stacked", "rate", "95 % interval", "mean steps", "failures",
                  title=f"policy {result['policy']}")
    for name, row in result["sets"].items():
        failures = ", ".join(f"{count} {kind}" for kind, count in row["failures"].items())
        table.add_row(name, f"{row['successes']} of {row['episodes']}", f"{row['rate']:.1%}",
                      "{:.1%} - {:.1%}".format(*row["wilson95"]), f"{row['mean_steps']:.0f}", failures)
    Console().print(table)
    if len(result["sets"]) > 1:
        print(f"mean rate {result['mean_rate']:.1%}")
