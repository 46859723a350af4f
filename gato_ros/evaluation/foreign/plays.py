"""Episodes of policies on the tasks of domains, side by side in worker processes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gato_ros.core.policy import Policy
from gato_ros.domains.domain import Environment, NoPlan
from gato_ros.domains.registry import load_domain
from gato_ros.evaluation.foreign.policies import EXPERT, RANDOM, chance, make_policy, seed_draws
from gato_ros.evaluation.outcomes import EpisodeOutcome, outcome_from_row, run_episode
from gato_ros.evaluation.partial_rows import PartialRows
from gato_ros.evaluation.progress import counted

EPISODES_PER_JOB = 10
_SCHEMA = 1


@dataclass(frozen=True)
class Run:
    """A policy on a task."""

    domain: str
    task: str
    policy: str
    temperature: float | None = None
    """At which weights draw their actions; None: their own."""


Episodes = PartialRows[tuple[str, str, str, int], "EpisodeOutcome | None"]
"""Episodes that are done, by domain, task, policy and seed; None where the expert has no plan."""


def partial_episodes(json: Path | None, identity: dict[str, Any]) -> Episodes:
    """What an interrupted evaluation into `json` left; SetupError where that was another one."""
    path = json.with_name(json.name + ".partial.jsonl") if json else None
    return Episodes(path, {"schema": _SCHEMA, **identity}, _parsed)


@dataclass(frozen=True)
class Player:
    """Where episodes are played, and where they are kept meanwhile."""

    pool: Executor
    partial: Episodes
    quiet: bool

    def play(self, runs: dict[Run, Iterable[int]]) -> dict[Run, dict[int, EpisodeOutcome | None]]:
        """The outcome of every seed of every run; what an interrupted evaluation left is not played again."""
        known = self.partial.known
        found = {
            run: {one: known[_key(run, one)] for one in seeds if _key(run, one) in known} for run, seeds in runs.items()
        }
        left = {run: [one for one in seeds if one not in found[run]] for run, seeds in runs.items()}
        jobs = [
            (run, tuple(seeds[start : start + EPISODES_PER_JOB]))
            for run, seeds in left.items()
            for start in range(0, len(seeds), EPISODES_PER_JOB)
        ]
        total = sum(map(len, (*found.values(), *left.values())))
        with self.partial.kept_when_interrupted(total), counted("evaluate", len(jobs), quiet=self.quiet) as advance:
            futures = {self.pool.submit(play, *job): job for job in jobs}
            for future in as_completed(futures):
                run, seeds = futures[future]
                for seed, one in zip(seeds, future.result()):
                    found[run][seed] = one
                    self.partial.keep(_key(run, seed), one, _row(run, seed, one))
                advance(f"{run.domain} {run.task}")
        return found


def _key(run: Run, seed: int) -> tuple[str, str, str, int]:
    return run.domain, run.task, run.policy, seed


def _row(run: Run, seed: int, one: EpisodeOutcome | None) -> dict[str, Any]:
    about = {"domain": run.domain, "task": run.task, "policy": run.policy, "seed": seed}
    return {**about, "outcome": None if one is None else {**one.row(), "reward": one.reward}}


def _parsed(row: dict[str, Any]) -> tuple[tuple[str, str, str, int], EpisodeOutcome | None]:
    values = row["outcome"]
    one = None if values is None else replace(outcome_from_row(values), reward=float(values["reward"]))
    return (row["domain"], row["task"], row["policy"], int(row["seed"])), one


def play(run: Run, seeds: tuple[int, ...]) -> list[EpisodeOutcome | None]:
    """The episodes of these seeds in this process."""
    environment = _environment(run.domain, run.task)
    domain = load_domain(run.domain)
    if run.policy == EXPERT:
        policy = domain.expert(run.task, environment)
    elif run.policy == RANDOM:
        policy = None
    else:
        policy = weights_of(run)
    # Random play draws anew in every episode, by its seed alone.
    players = [policy or chance(domain, run.task, seed) for seed in seeds]
    if hasattr(domain, "show"):
        domain.show(environment, players[0].observation_keys)
    return [outcome(environment, player, seed) for player, seed in zip(players, seeds)]


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


def weights_of(run: Run) -> Policy:
    """Weights once for all tasks of one spec: to compile a step takes longer than to play some episodes."""
    domain = load_domain(run.domain)
    key = (run.domain, domain.contract(run.task).digest, run.policy, run.temperature)
    if key not in _loaded:
        _loaded[key] = make_policy(domain, run.task, run.policy, temperature=run.temperature)
    return _loaded[key]
