"""Closed-loop episodes of a policy in an environment that the caller made, and what they amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.statistics import wilson95

STAGES = ("reached", "grasped", "lifted", "over_blue", "stacked")
"""How far an episode can get, in order; `info["progress"]` names the furthest one, or "none"."""


class Environment(Protocol):
    """What `run_episode` needs of a `gymnasium.Env`: the contract's observations and actions."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode of that seed."""

    def observe(self) -> Observation:
        """What the policy sees now."""

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """Reward, terminated, truncated, info; `info["stacked"]` tells whether the episode is a success."""


@dataclass(frozen=True)
class EpisodeOutcome:
    """What one episode came to."""

    seed: int
    success: bool
    steps: int
    """Control ticks until the success, or until the environment ended the episode."""
    progress: str | None
    """The furthest of STAGES that was reached, "none", or None if the environment does not tell."""
    objects: tuple[str, ...] = ()
    """The objects of the episode, red green blue, if the environment tells."""

    def got_to(self, stage: str) -> bool | None:
        """Whether the episode got as far as `stage`, one of STAGES; None if unknown."""
        if self.progress is None:
            return None
        return self.progress != "none" and STAGES.index(self.progress) >= STAGES.index(stage)

    @property
    def failure(self) -> str | None:
        """The first stage that was not reached, as a class such as "not_grasped"; None for a success."""
        if self.success:
            return None
        return next((f"not_{stage}" for stage in STAGES if self.got_to(stage) is False), "not_stacked")


def run_episode(environment: Environment, policy: Policy, seed: int) -> EpisodeOutcome:
    """One episode from a reset with `seed` to success or to the environment's end.

    Whatever the policy or the environment raises passes through: an evaluation that broke has no rate.
    """
    _, info = environment.reset(seed=seed)
    policy.reset()
    steps, ended = 0, False
    while not (ended or info["stacked"]):
        action = policy.act(environment.observe())
        _, terminated, truncated, info = environment.step_action(action)
        steps, ended = steps + 1, terminated or truncated
    return EpisodeOutcome(seed, bool(info["stacked"]), steps, info.get("progress"), tuple(info.get("objects", ())))


def summarise(outcomes: Iterable[EpisodeOutcome]) -> dict[str, Any]:
    """Rates of one object set, ready for JSON; ValueError without episodes.

    `mean_steps` is over all episodes (a failure counts its full length), `mean_steps_of_successes` over those
    that succeeded (null if none did).
    """
    outcomes = sorted(outcomes, key=lambda outcome: outcome.seed)
    if not outcomes:
        raise ValueError("no episodes to summarise")
    stacked = [outcome for outcome in outcomes if outcome.success]
    failures = Counter(outcome.failure for outcome in outcomes if not outcome.success)
    return {
        "episodes": len(outcomes),
        "successes": len(stacked),
        "rate": len(stacked) / len(outcomes),
        "wilson95": list(wilson95(len(stacked), len(outcomes))),
        "mean_steps": sum(outcome.steps for outcome in outcomes) / len(outcomes),
        "mean_steps_of_successes": sum(outcome.steps for outcome in stacked) / len(stacked) if stacked else None,
        "stages": {stage: sum(bool(outcome.got_to(stage)) for outcome in outcomes) for stage in STAGES},
        "failures": dict(sorted(failures.items())),
        "failed_seeds": [outcome.seed for outcome in outcomes if not outcome.success],
    }
