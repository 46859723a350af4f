"""What one policy came to on one task of a domain, and where that lies between random play and the expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gato_ros.core.statistics import mean95, wilson95
from gato_ros.domains.domain import Scores
from gato_ros.evaluation.outcomes import EpisodeOutcome

SUCCESS = "success"
"""A metric that is a share of episodes; every other one is a mean."""


@dataclass(frozen=True)
class TaskResult:
    """Of `attempted` episodes with the seeds from `first` on."""

    metric: str
    first: int
    attempted: int
    dropped: tuple[int, ...]
    """Seeds of starts from which the expert has no plan: they count for nobody."""
    scores: tuple[float, ...]
    """Of each other episode, in the order of the seeds."""
    successes: tuple[bool, ...]
    steps: tuple[int, ...]
    played: tuple[EpisodeOutcome, ...] = field(default=(), compare=False)
    """The episodes themselves, where they were played just now; not kept in files."""

    @property
    def seeds(self) -> list[int]:
        """Of the episodes that count."""
        return [seed for seed in range(self.first, self.first + self.attempted) if seed not in self.dropped]

    @property
    def score(self) -> float:
        """The mean; 0 without episodes."""
        return sum(self.scores) / max(1, len(self.scores))

    @property
    def rate(self) -> float:
        """Share of successes."""
        return sum(self.successes) / max(1, len(self.successes))

    @property
    def interval95(self) -> tuple[float, float]:
        """Of the score: Wilson's for a share, by resampling for a mean."""
        if self.metric == SUCCESS:
            return wilson95(sum(self.successes), len(self.successes))
        return mean95(self.scores) if self.scores else (0.0, 0.0)

    def only(self, seeds: range, dropped: Sequence[int] = ()) -> TaskResult:
        """The episodes of `seeds`, without those that are dropped."""
        gone = {seed for seed in (*self.dropped, *dropped) if seed in seeds}
        places = [place for place, seed in enumerate(self.seeds) if seed in seeds and seed not in gone]
        return TaskResult(
            self.metric,
            seeds.start,
            len(seeds),
            tuple(sorted(gone)),
            tuple(self.scores[place] for place in places),
            tuple(self.successes[place] for place in places),
            tuple(self.steps[place] for place in places),
        )

    def row(self) -> dict[str, Any]:
        """Ready for JSON; `result_of_row` reads it back."""
        return {
            "episodes": len(self.scores),
            "score": self.score,
            "score_interval95": list(self.interval95),
            "rate": self.rate,
            "wilson95": list(wilson95(sum(self.successes), len(self.successes))),
            "mean_steps": sum(self.steps) / max(1, len(self.steps)),
            "attempted": self.attempted,
            "dropped": list(self.dropped),
            "outcomes": {
                "scores": [round(score, 6) for score in self.scores],
                "successes": [int(success) for success in self.successes],
                "steps": list(self.steps),
            },
        }


def result_of(metric: str, seeds: range, outcomes: Mapping[int, EpisodeOutcome | None]) -> TaskResult:
    """The result of these episodes by seed; None where the expert had no plan."""
    kept = [one for _, one in sorted(outcomes.items()) if one is not None]
    return TaskResult(
        metric,
        seeds.start,
        len(seeds),
        tuple(sorted(seed for seed, one in outcomes.items() if one is None)),
        tuple(float(one.success) if metric == SUCCESS else one.reward for one in kept),
        tuple(one.success for one in kept),
        tuple(one.steps for one in kept),
        tuple(kept),
    )


def result_of_row(metric: str, first: int, row: Mapping[str, Any]) -> TaskResult:
    """Inverse of `TaskResult.row`, of episodes from seed `first` on."""
    outcomes = row["outcomes"]
    return TaskResult(
        metric,
        first,
        row["attempted"],
        tuple(row["dropped"]),
        tuple(map(float, outcomes["scores"])),
        tuple(map(bool, outcomes["successes"])),
        tuple(outcomes["steps"]),
    )


def scaled(result: TaskResult, scale: Scores) -> dict[str, Any]:
    """Percent of the way from random play to the expert, with the interval of the score on that scale.

    None where the expert is no better than random play.
    """
    shares = [scale.share(value) for value in (result.score, *result.interval95)]
    percents = [None if share is None else 100 * share for share in shares]
    known = scale.expert > scale.random
    return {
        "random": scale.random,
        "expert": scale.expert,
        "percent_of_expert": percents[0] if known else None,
        "interval95": percents[1:] if known else None,
    }


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of a domain's tasks: the mean percent of those that have a scale, and how many lie above 50; where it is known,
    the mean percent of people."""
    percents = [row["percent_of_expert"] for row in rows.values() if row["percent_of_expert"] is not None]
    people = [row["percent_of_human"] for row in rows.values() if "percent_of_human" in row]
    return {
        "mean_percent_of_expert": sum(percents) / len(percents) if percents else None,
        "tasks_above_50": sum(percent > 50 for percent in percents),
        "tasks_with_a_scale": len(percents),
        **({"mean_percent_of_human": sum(people) / len(people)} if people else {}),
    }
