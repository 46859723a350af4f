"""The Domain seam: what collection, training and evaluation receive of a world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gato_ros.core.action import Action
from gato_ros.core.contract import Contract
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.models.config import GatoConfig
from gato_ros.training.supervision import Supervision


class NoPlan(Exception):
    """The expert of an environment does not know how to go on from here."""


class Environment(Protocol):
    """A `gymnasium.Env` that also speaks in observations and actions of a spec."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode of that seed; the info has `success`."""
        ...

    def observe(self) -> Observation:
        """What a policy sees now."""
        ...

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """Reward, terminated, truncated, info; `info["success"]` tells whether the episode is a success."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


@dataclass(frozen=True)
class Scores:
    """What nobody and the expert reach, in the domain's metric: the ends of the paper's scale (Gato section 4.1)."""

    random: float
    expert: float
    episodes: int
    """Of each of the two."""

    def share(self, score: float) -> float | None:
        """A score on the scale where random play is 0 and the expert is 1; None where both score the same."""
        if self.expert == self.random:
            return None
        return (score - self.random) / (self.expert - self.random)


class Domain(Protocol):
    """One kind of world. Its module imports the world lazily: a domain that is not installed costs nothing.

    Where observations cost much, it also has `show(environment, keys)`: make the environment observe what the next
    policy reads and nothing else.
    It may also have `collected`, what its demonstrations are filed under where that is not its tasks (() for a domain
    without any), `guess(task)`, a policy in the place of random play where no action can be drawn, and `more_tasks`,
    which count only where they are named: those of another robot, like panda/cubes, and those that are held out.
    """

    name: str
    tasks: tuple[str, ...]
    """The first is the default."""
    packages: tuple[str, ...]
    """What it is made of, as PyPI calls it: demonstrations and scores name their versions."""
    metric: str
    """What a score is, like "success" (share of episodes) or "return" (mean sum of rewards)."""
    presets: Mapping[str, GatoConfig]
    """Model sizes that fit its observations; the first is the default. Empty: those of `models/presets.py`."""

    training: Mapping[str, Any]
    """Numbers of `TrainingConfig` that its presets are trained with, where they are not the usual ones."""

    def contract(self, task: str) -> Contract:
        """Name, spec and digest of a task; SetupError for an unknown one."""
        ...

    def supervision(self, task: str) -> Supervision:
        """What is known of its frames beside the actions."""
        ...

    def environment(self, task: str, render_mode: str | None = None) -> Environment:
        """The world of a task, with Gymnasium's render modes; SetupError where a package is missing."""
        ...

    def expert(self, task: str, environment: Environment) -> Policy:
        """Whoever shows how it is done in that environment. It raises NoPlan where it does not know."""
        ...


@runtime_checkable
class KnownOfPeople(Protocol):
    """A domain of which the literature says what people reach."""

    def percent_of_human(self, task: str, score: float) -> float:
        """A score on the scale where random play is 0 and people are 100, both of the literature."""
        ...
