"""One demonstration in a domain: the expert says what to do at every step, whoever drives, and chance may interfere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, SpecMapping
from gato_ros.data.demonstrations.demonstration import Demonstration, DemonstrationWriter
from gato_ros.domains.domain import Environment, NoPlan
from gato_ros.evaluation.foreign.policies import seed_draws

SEGMENT_STEPS = 10
"""For so long one of two drivers stays in command."""


@dataclass(frozen=True)
class Disturbance:
    """What chance does to the actions before they are executed."""

    actions: SpecMapping
    noise: float
    """Of discrete actions: share of steps at which a random one is executed. Of continuous ones: standard deviation of
    Gaussian noise on every value, as a share of half of its range."""

    def executed(self, action: Action, rng: np.random.Generator) -> Action:
        """What is carried out in place of `action`."""
        if not self.noise:
            return action
        if all(isinstance(spec, DiscreteSpec) for spec in self.actions.values()):
            if rng.random() >= self.noise:
                return action
            drawn = RandomPolicy(self.actions, int(rng.integers(2**31)))
            return drawn.act(Observation({})).action
        return Action({key: self._shaken(spec, action.values[key], rng) for key, spec in self.actions.items()})

    def _shaken(self, spec: object, value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not (isinstance(spec, ContinuousSpec) and spec.bounded):
            return value
        lower, upper = np.array(spec.lower), np.array(spec.upper)
        return np.clip(value + self.noise * (upper - lower) / 2 * rng.normal(size=value.shape), lower, upper)


@dataclass(frozen=True)
class Drive:
    """Who drives, and how."""

    expert: Policy
    driver: Policy | None
    """None: the expert."""
    expert_share: float
    """Beside a driver: share of segments that the expert drives, so that a jam ends (DAgger's mixture)."""
    disturbance: Disturbance

    def demonstrate(self, environment: Environment, seed: int) -> tuple[Demonstration | None, bool]:
        """The episode of that seed, and whether the expert had a plan to its end.

        Without one the episode ends before the step that has no label, as a failure; None without any step.
        """
        _, info = environment.reset(seed=seed)
        rng, rescued = np.random.default_rng([seed, 1]), False
        self.expert.reset()
        if self.driver is not None:
            seed_draws(self.driver, seed)
            self.driver.reset()
        steps = DemonstrationWriter()
        ended, planned, total = False, True, 0.0
        while planned and not (ended or info["success"]):
            seen = environment.observe()
            try:
                label = self.expert.act(seen).action
            except NoPlan:
                planned = False
                continue
            if self.driver is not None and self.expert_share and len(steps) % SEGMENT_STEPS == 0:
                rescued = rng.random() < self.expert_share
            wanted = label if self.driver is None or rescued else self.driver.act(seen).action
            done = self.disturbance.executed(wanted, rng)
            steps.add(seen, done, label)
            reward, terminated, truncated, info = environment.step_action(done)
            ended, total = terminated or truncated, total + float(reward)
        success = planned and bool(info["success"])
        return (steps.finish(seed, total, success) if len(steps) else None), planned
