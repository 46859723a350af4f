"""The Policy seam, and the policies that need neither a model nor a simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.prompt import Prompt
from gato_ros.core.spec import ContinuousSpec, DiscreteSpec, SpecMapping


class PolicyUnavailable(ConnectionError):
    """There is no action for this tick, and the policy is not to blame: its server is late, or away.

    The arm has to stop. `reset` comes before the next `act`: whether the step counted over there is not known.
    """


@dataclass(frozen=True)
class Served:
    """How a policy is run that acts in another process."""

    policy: str
    """What its server loaded it by."""
    precision: str = ""
    """As its server was told; nothing: as it was trained."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Name -> version over there, of what decides how numbers are rounded."""


@dataclass(frozen=True)
class PolicyInfo:
    """What a policy is, for whoever runs, records or replays it."""

    digest: str = ""
    """Of the weights that it was made of; nothing where they come from no folder."""
    remembers: bool = False
    """Whether an action depends on the steps before."""
    prompt_steps: int = 0
    """Control steps of the longest prompt; 0: no prompts."""
    reach_steps: int = 0
    """Steps back that an action can depend on; 0 without a memory."""
    served: Served | None = None
    """None: it acts in this process."""


@runtime_checkable
class Policy(Protocol):
    """Maps observations to actions. May be slow, never touches hardware; the caller owns time."""

    observation_keys: tuple[str, ...]
    """The contract keys (and `privileged/...` keys) that `act` reads."""
    info: PolicyInfo
    """What does not change from tick to tick; `PolicyInfo()` says that there is nothing to say."""

    def reset(self, prompt: Prompt | None = None) -> None:
        """Forget everything about the episode before; `prompt` conditions the next one, where it takes one."""
        ...

    def act(self, observation: Observation) -> Decision:
        """The action for this tick, and what was thought."""
        ...


class HoldPolicy:
    """Stands still and keeps the gripper where the first observation found it."""

    observation_keys: tuple[str, ...] = ("gripper/opening",)
    info = PolicyInfo()

    def __init__(self) -> None:
        self._opening_m: float | None = None

    def reset(self, prompt: Prompt | None = None) -> None:
        self._opening_m = None

    def act(self, observation: Observation) -> Decision:
        if self._opening_m is None:
            self._opening_m = float(observation.values["gripper/opening"][0])
        return Decision(ArmAction(np.zeros(4), self._opening_m))


class RandomPolicy:
    """Draws every value evenly from what its spec allows; what a domain's scale begins with (Gato section 4.1)."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, actions: SpecMapping, seed: int = 0):
        """`actions` are discrete, or continuous and bounded; texts cannot be drawn (ValueError)."""
        self._actions: dict[str, DiscreteSpec | ContinuousSpec] = {}
        for key, spec in actions.items():
            if not (isinstance(spec, DiscreteSpec) or (isinstance(spec, ContinuousSpec) and spec.bounded)):
                raise ValueError(f"{key} is {spec.kind} without bounds: nothing can be drawn")
            self._actions[key] = spec
        self._seed, self._episode = seed, 0
        self._rng = np.random.default_rng([seed, 0])

    def reset(self, prompt: Prompt | None = None) -> None:
        self._episode += 1
        self._rng = np.random.default_rng([self._seed, self._episode])

    def act(self, observation: Observation) -> Decision:
        return Decision(Action({key: self._draw(spec) for key, spec in self._actions.items()}))

    def _draw(self, spec: DiscreteSpec | ContinuousSpec) -> np.ndarray:
        if isinstance(spec, DiscreteSpec):
            return self._rng.integers(spec.values, size=spec.size).astype(np.float64)
        return self._rng.uniform(spec.lower, spec.upper)


class ReplayPolicy:
    """Plays recorded actions once, then holds the last opening without moving."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, actions: Sequence[ArmAction]):
        if not actions:
            raise ValueError("nothing to replay: the list of actions is empty")
        self._actions, self._next = list(actions), 0

    def reset(self, prompt: Prompt | None = None) -> None:
        self._next = 0

    def act(self, observation: Observation) -> Decision:
        if self._next < len(self._actions):
            self._next += 1
            return Decision(self._actions[self._next - 1])
        return Decision(ArmAction(np.zeros(4), self._actions[-1].gripper_opening_m))
