"""Any Gymnasium environment as a domain: its worlds, a rule that plays them, and what a success is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.contract import SpecContract
from gato_ros.core.decision import Decision
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.domains.spaces import action_of, flat_values, native_action, step_spec_of
from gato_ros.models.config import GatoConfig
from gato_ros.training.supervision import ActionsOnly, Curve, Supervision

Rule = Callable[[gymnasium.Env, Any], Any]
"""The environment and what it observed last -> the action that its action space takes."""
Success = Callable[[float, bool, bool, Mapping[str, Any]], bool]
"""Reward, terminated, truncated and info of a step -> whether the episode is a success, and over."""
PLAIN = {"blind_share": 0.0, "patch_dropout": 0.0, "brightness": 0.0, "mirror": False, "token_noise_bins": 0}
"""`TrainingConfig` without what is for a robot's cameras, and without noise: a rule may hang on small differences."""


class GymnasiumDomain:
    """The members of `Domain` for environments that others wrote."""

    def __init__(
        self,
        name: str,
        worlds: Mapping[str, Callable[[str | None], gymnasium.Env]],
        rule: Rule,
        success: Success,
        presets: Mapping[str, GatoConfig],
        *,
        metric: str = "return",
        packages: tuple[str, ...] = ("gymnasium",),
        training: Mapping[str, Any] = PLAIN,
    ):
        """Makes no world yet.

        Args:
            worlds: task -> what makes its environment, of a render mode.
            rule: the expert. It raises NoPlan where it does not know how to go on.
            success: whether a step made the episode a success.
            presets: models that fit; the first is the default.
            metric: "return", or "success" (share of episodes).
            packages: what it is made of, as PyPI calls it.
            training: numbers of `TrainingConfig` in place of the usual ones.
        """
        self.name, self.tasks, self.packages, self.metric = name, tuple(worlds), packages, metric
        self.presets, self.training = presets, training
        self._worlds, self._rule, self._success = worlds, rule, success
        self._contracts: dict[str, SpecContract] = {}

    def contract(self, task: str) -> SpecContract:
        """The spec of the task's spaces; SetupError for spaces that no spec is for."""
        if task not in self._contracts:
            world = self._world(task)
            spec = step_spec_of(world.observation_space, world.action_space)
            self._contracts[task] = SpecContract(f"{self.name}_{task}", spec)
            world.close()
        return self._contracts[task]

    def supervision(self, task: str) -> Supervision:
        """Nothing is known but the rule's actions."""
        names = tuple(
            f"{key}_{place}" if np.prod(one.shape) > 1 else key
            for key, one in self.contract(task).spec.actions.items()
            for place in range(int(np.prod(one.shape)))
        )
        return ActionsOnly(names, curves=(Curve("validation", ("loss",), "loss of held-out episodes"),))

    def environment(self, task: str, render_mode: str | None = None) -> GymnasiumWorld:
        """The world of a task; SetupError where a package of it is missing."""
        return GymnasiumWorld(self._world(task, render_mode), self.contract(task), self._success)

    def expert(self, task: str, environment: GymnasiumWorld) -> RulePolicy:
        """The rule in that environment."""
        return RulePolicy(self._rule, environment)

    def _world(self, task: str, render_mode: str | None = None) -> gymnasium.Env:
        if task not in self._worlds:
            raise unknown_name(f"a task of {self.name}", task, self._worlds)
        try:
            return self._worlds[task](render_mode)
        except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
            raise SetupError(
                expected=f"the packages of {self.name}: {', '.join(self.packages)}", got=str(error), fix="install them"
            ) from None


class GymnasiumWorld(gymnasium.Env):
    """An environment that also speaks in observations and actions of a spec."""

    def __init__(
        self,
        inner: gymnasium.Env,
        contract: SpecContract,
        success: Success,
    ):
        """`inner` is the environment as others made it, with its limit of steps."""
        self.inner, self._spec, self._success = inner, contract.spec, success
        self.observation_space, self.action_space = inner.observation_space, inner.action_space
        self.metadata, self.render_mode = inner.metadata, inner.render_mode
        self.seen: Any = None
        """What was observed last, in the form of the environment."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode of that seed."""
        self.seen, info = self.inner.reset(seed=seed, options=options)
        return self.seen, {**info, "success": False}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step; it ends the episode if it is a success."""
        self.seen, reward, terminated, truncated, info = self.inner.step(action)
        success = bool(self._success(float(reward), terminated, truncated, info))
        failure = "time_limit" if truncated else "ended" if terminated else None
        info = {**info, "success": success, "failure": None if success else failure}
        return self.seen, float(reward), terminated or success, truncated and not success, info

    def observe(self) -> Observation:
        """What was observed last, by the keys of the spec."""
        return Observation(flat_values(self.seen, self._spec.observations))

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """Reward, terminated, truncated, info."""
        return self.step(native_action(self.action_space, action))[1:]

    def render(self) -> Any:
        """What the environment draws."""
        return self.inner.render()

    def close(self) -> None:
        """Free it."""
        self.inner.close()


class RulePolicy:
    """A rule on what the environment itself observes."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, rule: Rule, world: GymnasiumWorld):
        """`world`: in which it plays."""
        self._rule, self._world = rule, world

    def reset(self, prompt: Prompt | None = None) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Decision:
        """What the rule says."""
        return Decision(action_of(self._rule(self._world.inner, self._world.seen)))
