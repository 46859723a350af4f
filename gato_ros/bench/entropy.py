"""Does a policy know when it is about to fail? Entropies of its actions in episodes that stacked and that did not.

Every episode gives a score, higher for more doubt; the area under the curve tells how often that of a failure is the
higher one of two (0.5: it tells nothing). `held` is the score that decides what policy_node's `hold_above_entropy`
would do: the largest entropy that lasted for five control periods. Failures last longer than successes and so have more
chances of a high one; the scores of the first 100 steps, which all have, are free of that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gato_ros.core.bounds import Episodes, Processes, Seed, check_bounds
from gato_ros.core.decision import Decision
from gato_ros.core.decision import Trace as CoreTrace
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt

if TYPE_CHECKING:
    from gato_ros.evaluation.episode import Job

EARLY_STEPS = 100
SHARES = (0.01, 0.05, 0.1)
"""Of the successes that a bound may hold up."""


@dataclass(frozen=True)
class Options:
    """Which policy, on what."""

    policy: str = "sawyer_mastery"
    """A folder with weights, or the name of shipped ones."""
    sets: tuple[str, ...] = ("cubes", "triplet1", "triplet2", "triplet3", "triplet4", "triplet5")
    """Object sets."""
    episodes: Episodes = 30
    """Of each set."""
    seed: Seed = 900_000
    """Seed of the first episode of each set."""
    workers: Processes = os.cpu_count() or 1
    """Processes."""
    json: Path | None = None
    """Write the result here as JSON, the entropies of every step included."""


@dataclass(frozen=True)
class Trace:
    """One episode."""

    object_set: str
    seed: int
    success: bool
    entropy: np.ndarray
    """[steps actions] [nat]."""
    margin: np.ndarray
    """[steps actions] logit of the likeliest bin minus the second."""


def run(options: Options) -> dict:
    """Run the episodes; areas under the curve, and what bounds would hold."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.episode import Job
    from gato_ros.evaluation.policy_source import driving_weights
    from gato_ros.evaluation.progress import counted
    from gato_ros.evaluation.worker_pool import worker_pool
    from gato_ros.sim.task import check_object_set

    check_bounds(options)
    for name in options.sets:
        check_object_set(name)
    folder = str(driving_weights(options.policy, load_embodiment()))
    jobs = [Job(folder, name, options.seed + number) for name in options.sets for number in range(options.episodes)]
    traces = []
    with worker_pool(options.workers) as pool, counted("entropy", len(jobs), 0, False) as advance:
        for trace in pool.map(trace_job, jobs):
            traces.append(trace)
            advance(f"{sum(one.success for one in traces)} of {len(traces)} stacked")
    result = {"policy": Path(folder).name, "seed": options.seed, **separation(traces)}
    _print(result)
    return {
        **result,
        "traces": [
            {"set": one.object_set, "seed": one.seed, "success": one.success, "entropy": one.entropy.round(3).tolist()}
            for one in traces
        ],
    }


class _Traced:
    """The policy, and what it thought of every step of one episode."""

    def __init__(self, policy: Policy):
        self._policy, self.observation_keys, self.info = policy, policy.observation_keys, policy.info
        self.traces: list[CoreTrace] = []

    def reset(self, prompt: Prompt | None = None) -> None:
        self._policy.reset(prompt)

    def act(self, observation: Observation) -> Decision:
        decision = self._policy.act(observation)
        self.traces.append(decision.trace)
        return decision


def trace_job(job: Job) -> Trace:
    """One episode with what the policy thought of every step."""
    from gato_ros.evaluation.episode import parts
    from gato_ros.evaluation.outcomes import run_episode

    environment, policy = parts(job)
    traced = _Traced(policy)
    outcome = run_episode(environment, traced, job.seed)
    entropy, margin = (np.array(part) for part in zip(*((one.entropy_nat, one.logit_margin) for one in traced.traces)))
    return Trace(job.object_set, job.seed, outcome.success, entropy, margin)


def scores(trace: Trace) -> dict[str, float]:
    """Of one episode, higher for more doubt."""
    from gato_ros.core.uncertainty import held_above

    mean, largest = trace.entropy.mean(1), trace.entropy.max(1)
    return {
        "mean entropy": float(mean.mean()),
        "held": held_above(mean),
        "held, largest dimension": held_above(largest),
        f"mean entropy, first {EARLY_STEPS} steps": float(mean[:EARLY_STEPS].mean()),
        f"held, first {EARLY_STEPS} steps": held_above(mean[:EARLY_STEPS]),
        f"minus mean margin, first {EARLY_STEPS} steps": -float(trace.margin[:EARLY_STEPS].mean()),
    }


def separation(traces: list[Trace]) -> dict:
    """Areas under the curve of every score, over all sets and of the early ones within each, and bounds of the hold."""
    from gato_ros.core.statistics import area95, area_under_curve

    rows = [(trace, scores(trace)) for trace in traces]
    failed, stacked = ([row for trace, row in rows if trace.success == success] for success in (False, True))
    found: dict = {"episodes": len(traces), "stacked": len(stacked), "failed": len(failed), "areas": {}, "sets": {}}
    if not failed or not stacked:
        return found
    for name in failed[0]:
        area = area_under_curve([row[name] for row in failed], [row[name] for row in stacked])
        found["areas"][name] = {"area": area, "area95": list(area95(area, len(failed), len(stacked)))}
    for name in dict.fromkeys(trace.object_set for trace in traces):
        # Within a set: shapes that are hard and look odd would separate without a word about this episode.
        kinds = [
            [row for trace, row in rows if trace.object_set == name and trace.success == success]
            for success in (False, True)
        ]
        if all(kinds):
            found["sets"][name] = {
                "failed": len(kinds[0]),
                "stacked": len(kinds[1]),
                **{key: area_under_curve(*([row[key] for row in kind] for kind in kinds)) for key in failed[0]},
            }
    found["bounds"] = [
        _bound(share, [row["held"] for row in stacked], [row["held"] for row in failed]) for share in SHARES
    ]
    return found


def _bound(share: float, stacked: list[float], failed: list[float]) -> dict[str, float]:
    """The bound that holds up this share of the successes, and the share of the failures that it holds as well."""
    bound = float(np.quantile(stacked, 1.0 - share))
    return {
        "share_of_successes": float(np.mean(np.array(stacked) > bound)),
        "hold_above_nat": bound,
        "share_of_failures": float(np.mean(np.array(failed) > bound)),
    }


def _print(result: Mapping) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    print(f"{result['stacked']} of {result['episodes']} stacked")
    table = Table("score", "area under the curve", "95 % interval", *result["sets"], show_edge=False)
    for name, row in result["areas"].items():
        table.add_row(
            name,
            f"{row['area']:.2f}",
            "{:.2f} - {:.2f}".format(*row["area95"]),
            *(f"{block[name]:.2f}" for block in result["sets"].values()),
        )
    console = make_console()
    console.print(table)
    for row in result.get("bounds", ()):
        console.print(
            f"hold above {row['hold_above_nat']:.2f} nat: holds {row['share_of_failures']:.0%} of the "
            f"failures and {row['share_of_successes']:.0%} of the successes",
            highlight=False,
        )
