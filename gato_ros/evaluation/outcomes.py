"""Closed-loop episodes of a policy in an environment that the caller made, and what they amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt
from gato_ros.core.statistics import PairedCounts, wilson95

STAGES = ("reached", "grasped", "lifted", "over_base", "stacked")
"""How far a stacking can get, in order; `info["progress"]` names the furthest one, or "none". Another task has stages
of its own: `info["stages"]`."""
WRONG_OBJECT = "wrong_object"
"""The failure of who did something to an object that the task does not name."""


class Environment(Protocol):
    """What `run_episode` needs of a `gymnasium.Env`: the contract's observations and actions."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode of that seed."""

    def observe(self) -> Observation:
        """What the policy sees now."""

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """Reward, terminated, truncated, info; `info["success"]` tells whether the episode is a success.

        An environment that knows more says so: `info["progress"]`, one of `info["stages"]` (STAGES where it has none)
        or "none"; `info["failure"]`, what went wrong so far; `info["objects"]`.
        """


@dataclass(frozen=True)
class EpisodeOutcome:
    """What one episode came to."""

    seed: int
    success: bool
    steps: int
    """Control ticks until the success, or until the environment ended the episode."""
    progress: str | None
    """The furthest of `stages` that was reached, "none", or None if the environment does not tell."""
    objects: tuple[str, ...] = ()
    """The objects of the episode, red green blue, if the environment tells."""
    reported_failure: str | None = None
    """What went wrong, in the environment's own word (`info["failure"]`), if it tells."""
    reward: float = field(default=0.0, compare=False)
    """The sum over the episode; not kept in files."""
    stages: tuple[str, ...] = STAGES
    """How far an episode of its task can get, in order."""

    def got_to(self, stage: str) -> bool | None:
        """Whether the episode got as far as `stage`, one of `stages`; None if unknown."""
        if self.progress is None:
            return None
        return self.progress != "none" and self.stages.index(self.progress) >= self.stages.index(stage)

    @property
    def failure(self) -> str | None:
        """What kind of failure this was; None for a success.

        The environment's word where it gave one ("dropped"), else the first stage that was not reached ("not_grasped").
        """
        if self.success:
            return None
        missed = (f"not_{stage}" for stage in self.stages if self.got_to(stage) is False)
        return self.reported_failure or next(missed, f"not_{self.stages[-1]}")

    @property
    def ending(self) -> str:
        """The failure, or what a success is called: "stacked"."""
        return self.failure or self.stages[-1]

    def row(self) -> dict[str, Any]:
        """Ready for JSON; `outcome_from_row` reads it back."""
        return {
            "seed": self.seed,
            "success": self.success,
            "steps": self.steps,
            "progress": self.progress,
            "failure": self.failure,
            "objects": list(self.objects),
            **({} if self.stages == STAGES else {"stages": list(self.stages)}),
        }


def outcome_from_row(row: dict[str, Any]) -> EpisodeOutcome:
    """The outcome that `EpisodeOutcome.row` wrote; KeyError, TypeError or ValueError if it is none."""
    stages = tuple(row.get("stages", STAGES))
    known = (None, "none", *stages)
    if not (isinstance(row["success"], bool) and isinstance(row["seed"], int) and row["progress"] in known):
        raise ValueError(f"no outcome of an episode: {row}")
    return EpisodeOutcome(
        row["seed"],
        row["success"],
        int(row["steps"]),
        row["progress"],
        tuple(row["objects"]),
        row["failure"],
        stages=stages,
    )


def run_episode(
    environment: Environment,
    policy: Policy,
    seed: int,
    watch: Callable[[], None] | None = None,
    prompt: Prompt | None = None,
) -> EpisodeOutcome:
    """One episode from a reset with `seed`, after `prompt`, to success or to the environment's end.

    `watch` is called after the reset and after every tick, for whoever wants pictures; it must change nothing.
    Whatever the policy or the environment raises passes through: an evaluation that broke has no rate.
    """
    _, info = environment.reset(seed=seed)
    policy.reset(prompt)
    watch = watch or (lambda: None)
    watch()
    steps, ended, total = 0, False, 0.0
    while not (ended or info["success"]):
        action = policy.act(environment.observe()).action
        reward, terminated, truncated, info = environment.step_action(action)
        watch()
        steps, ended, total = steps + 1, terminated or truncated, total + float(reward)
    success = bool(info["success"])
    return EpisodeOutcome(
        seed,
        success,
        steps,
        info.get("progress"),
        tuple(info.get("objects", ())),
        None if success else info.get("failure"),
        total,
        tuple(info.get("stages", STAGES)),
    )


def pair_up(these: Iterable[EpisodeOutcome], those: Iterable[EpisodeOutcome]) -> PairedCounts:
    """Which of two runs succeeded, over the seeds that both ran.

    Raises:
        ValueError: a seed began with other objects in the one than in the other: no pair.
    """
    other = {outcome.seed: outcome for outcome in those}
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for this in these:
        that = other.get(this.seed)
        if that is None:
            continue
        if this.objects and that.objects and this.objects != that.objects:
            raise ValueError(f"seed {this.seed} has {' '.join(this.objects)} here and {' '.join(that.objects)} there")
        counts[this.success, that.success] += 1
    return PairedCounts(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def summarise(outcomes: Iterable[EpisodeOutcome]) -> dict[str, Any]:
    """Rates of one object set, ready for JSON; ValueError without episodes.

    `mean_steps` is over all episodes (a failure counts its full length), `mean_steps_of_successes` over those
    that succeeded (null if none did).
    """
    outcomes = sorted(outcomes, key=lambda outcome: outcome.seed)
    if not outcomes:
        raise ValueError("no episodes to summarise")
    succeeded = [outcome for outcome in outcomes if outcome.success]
    failures = Counter(outcome.failure for outcome in outcomes if not outcome.success)
    return {
        "episodes": len(outcomes),
        "successes": len(succeeded),
        "rate": len(succeeded) / len(outcomes),
        "wilson95": list(wilson95(len(succeeded), len(outcomes))),
        "mean_steps": sum(outcome.steps for outcome in outcomes) / len(outcomes),
        "mean_steps_of_successes": sum(outcome.steps for outcome in succeeded) / len(succeeded) if succeeded else None,
        "stages": {stage: sum(bool(outcome.got_to(stage)) for outcome in outcomes) for stage in outcomes[0].stages},
        "failures": dict(sorted(failures.items())),
        "wrong_object_rate": failures[WRONG_OBJECT] / len(outcomes),
        "failed_seeds": [outcome.seed for outcome in outcomes if not outcome.success],
        "outcomes": [outcome.row() for outcome in outcomes],
    }
