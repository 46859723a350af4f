"""Episodes of policies on the tasks of domains, side by side in worker processes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from functools import lru_cache

from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.domains.domain import Environment, NoPlan
from gato_ros.domains.registry import load_domain
from gato_ros.evaluation.foreign.policies import EXPERT, RANDOM, make_policy, seed_draws
from gato_ros.evaluation.outcomes import EpisodeOutcome, run_episode
from gato_ros.evaluation.progress import counted

EPISODES_PER_JOB = 10


@dataclass(frozen=True)
class Run:
    """A policy on a task."""

    domain: str
    task: str
    policy: str
    temperature: float | None = None
    """At which weights draw their actions; None: their own."""


def play_all(
    pool: Executor, runs: dict[Run, Iterable[int]], quiet: bool
) -> dict[Run, dict[int, EpisodeOutcome | None]]:
    """The outcome of every seed of every run; None where the expert has no plan."""
    jobs = []
    for run, seeds in runs.items():
        wanted = list(seeds)
        starts = range(0, len(wanted), EPISODES_PER_JOB)
        jobs += [(run, tuple(wanted[start : start + EPISODES_PER_JOB])) for start in starts]
    found: dict[Run, dict[int, EpisodeOutcome | None]] = {run: {} for run in runs}
    with counted("evaluate", len(jobs), quiet=quiet) as advance:
        futures = {pool.submit(play, *job): job for job in jobs}
        for future in as_completed(futures):
            run, seeds = futures[future]
            found[run].update(zip(seeds, future.result()))
            advance(f"{run.domain} {run.task}")
    return found


def play(run: Run, seeds: tuple[int, ...]) -> list[EpisodeOutcome | None]:
    """The episodes of these seeds in this process."""
    environment = _environment(run.domain, run.task)
    domain = load_domain(run.domain)
    if run.policy == EXPERT:
        policy = domain.expert(run.task, environment)
    elif run.policy == RANDOM:
        policy = None
    else:
        policy = _weights(run.domain, domain.contract(run.task).digest, run.task, run.policy, run.temperature)
    actions = domain.contract(run.task).spec.actions
    # Random play draws anew in every episode, by its seed alone.
    return [outcome(environment, policy or RandomPolicy(actions, seed), seed) for seed in seeds]


def outcome(environment: Environment, policy: Policy, seed: int) -> EpisodeOutcome | None:
    """The episode of that seed; None where the expert has no plan."""
    seed_draws(policy, seed)
    try:
        return run_episode(environment, policy, seed)
    except NoPlan:
        return None


@lru_cache(maxsize=2)
def _environment(domain: str, task: str) -> Environment:
    return load_domain(domain).environment(task)


_loaded: dict[tuple, Policy] = {}


def _weights(domain: str, digest: str, task: str, policy: str, temperature: float | None) -> Policy:
    """Weights once for all tasks of one spec: to compile a step takes longer than to play some episodes."""
    key = (domain, digest, policy, temperature)
    if key not in _loaded:
        _loaded[key] = make_policy(load_domain(domain), task, policy, temperature=temperature)
    return _loaded[key]
