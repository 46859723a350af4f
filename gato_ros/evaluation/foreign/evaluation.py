"""A policy's score in a domain, on the scale between random play and the expert, all three from the same starts."""

from __future__ import annotations

from concurrent.futures import as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from gato_ros.core.policy import Policy
from gato_ros.core.statistics import wilson95
from gato_ros.domains.domain import Domain, Environment, Scores
from gato_ros.domains.registry import load_domain, task_of
from gato_ros.evaluation.console import make_console
from gato_ros.evaluation.foreign.policies import EXPERT, RANDOM, make_policy
from gato_ros.evaluation.outcomes import EpisodeOutcome, run_episode
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.worker_pool import worker_pool

EPISODES_PER_JOB = 10


def evaluate(
    name: str, task: str | None, policy: str, episodes: int, seed: int, workers: int, quiet: bool = False
) -> dict[str, Any]:
    """Scores of `policy`, of random play and of the expert over the same seeds, ready for JSON.

    Args:
        policy: a folder with weights, `expert` or `random`.

    Raises:
        SetupError: no such domain, task or policy; a missing package.
    """
    domain = load_domain(name)
    task = task_of(domain, task)
    _parts.cache_clear()
    _parts(name, task, policy)  # what is wrong is said before a process is started
    who = tuple(dict.fromkeys((policy, RANDOM, EXPERT)))
    jobs = [(one, first) for one in who for first in range(seed, seed + episodes, EPISODES_PER_JOB)]
    found: dict[str, list[EpisodeOutcome]] = {one: [] for one in who}
    with worker_pool(workers) as pool, counted("evaluate", len(jobs), quiet=quiet) as advance:
        futures = {
            pool.submit(_play, name, task, one, first, min(EPISODES_PER_JOB, seed + episodes - first)): one
            for one, first in jobs
        }
        for future in as_completed(futures):
            found[futures[future]] += future.result()
            advance("")
    rows = {one: _score(domain, outcomes) for one, outcomes in found.items()}
    scale = Scores(rows[RANDOM]["score"], rows[EXPERT]["score"], episodes)
    outcomes = sorted(found[policy], key=lambda outcome: outcome.seed)
    result = {
        "policy": policy,
        "domain": name,
        "task": task,
        "metric": domain.metric,
        "seed": seed,
        **rows[policy],
        "random": rows[RANDOM],
        "expert": rows[EXPERT],
        "share_of_expert": scale.share(rows[policy]["score"]),
        "outcomes": [
            {"seed": one.seed, "success": one.success, "steps": one.steps, "reward": one.reward, "failure": one.failure}
            for one in outcomes
        ],
    }
    if not quiet:
        _print(result)
    return result


def score(name: str, task: str, policy: str, episodes: int, seed: int) -> dict[str, Any]:
    """The score of one policy in this process, while a training goes on."""
    domain = load_domain(name)
    environment = domain.environment(task)
    try:
        actor = make_policy(domain, task, policy, environment)
        return _score(domain, [run_episode(environment, actor, one) for one in range(seed, seed + episodes)])
    finally:
        environment.close()


def _score(domain: Domain, outcomes: list[EpisodeOutcome]) -> dict[str, Any]:
    count, successes = len(outcomes), sum(outcome.success for outcome in outcomes)
    rate = successes / count
    score = rate if domain.metric == "success" else sum(outcome.reward for outcome in outcomes) / count
    return {
        "episodes": count,
        "score": score,
        "rate": rate,
        "wilson95": list(wilson95(successes, count)),
        "mean_steps": sum(outcome.steps for outcome in outcomes) / count,
    }


@lru_cache(maxsize=4)
def _parts(name: str, task: str, policy: str) -> tuple[Environment, Policy]:
    domain = load_domain(name)
    environment = domain.environment(task)
    return environment, make_policy(domain, task, policy, environment)


def _play(name: str, task: str, policy: str, first: int, count: int) -> list[EpisodeOutcome]:
    environment, actor = _parts(name, task, policy)
    return [run_episode(environment, actor, seed) for seed in range(first, first + count)]


def _print(result: dict[str, Any]) -> None:

    from rich.table import Table

    title = f"{result['domain']} {result['task']}"
    table = Table("who", result["metric"], "success", "95 % interval", "mean steps", title=title)
    for who, row in {Path(result["policy"]).name: result, RANDOM: result[RANDOM], EXPERT: result[EXPERT]}.items():
        interval = " to ".join(f"{bound:.1%}" for bound in row["wilson95"])
        table.add_row(who, f"{row['score']:.3f}", f"{row['rate']:.1%}", interval, f"{row['mean_steps']:.1f}")
    make_console().print(table)
    share = result["share_of_expert"]
    said = "no scale: random play scored as the expert" if share is None else f"{share:.1%} of the way"
    print(said if share is None else f"{said} from random play to the expert")
