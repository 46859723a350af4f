"""Meta-World's scripted policies behind the Policy seam."""

from __future__ import annotations

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.domains.meta_world.environment import MetaWorldEnv, expert_of
from gato_ros.domains.meta_world.tasks import ARM


class ScriptedPolicy:
    """The expert of one task. It is a function of the state alone: whoever drove, it goes on from there."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, task: str, environment: MetaWorldEnv):
        self._script, self._environment = expert_of(task), environment

    def reset(self, prompt: Prompt | None = None) -> None:
        """It remembers nothing."""

    def act(self, observation: Observation) -> Decision:
        """What it would do, clipped to what is carried out."""
        wanted = np.asarray(self._script.get_action(self._environment.state), np.float64)
        return Decision(Action({ARM: np.clip(wanted, -1, 1)}))
