"""A policy that is fed ground truth: shows the simulator's poses, and the expert's plan, to a Gato trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gato_ros.core.decision import Decision
from gato_ros.core.observation import PRIVILEGED_PREFIX, Observation
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt
from gato_ros.embodiments.privileged import PLAN, privileged_values, simulator_keys

if TYPE_CHECKING:
    from gato_ros.sim.expert import StackingExpert


class PrivilegedPolicy:
    """Computes the privileged contract values that `policy` reads from the simulator's, then lets it act.

    A control, in simulation only: no robot has these values.
    """

    def __init__(self, policy: Policy, expert: StackingExpert | None = None):
        """`expert` makes the plan; needed only by a policy that reads it (`reads_plan`)."""
        self._policy, self._keys, self.info = policy, policy.observation_keys, policy.info
        self._expert = expert if reads_plan(self._keys) else None
        plain = [key for key in self._keys if not key.startswith(PRIVILEGED_PREFIX)]
        shown = [key for key in simulator_keys(self._keys) if key != PLAN]
        read_by_expert = self._expert.observation_keys if self._expert else ()
        self.observation_keys = tuple(dict.fromkeys([*plain, *shown, *read_by_expert]))

    def reset(self, prompt: Prompt | None = None) -> None:
        if self._expert:
            self._expert.reset()
        self._policy.reset(prompt)

    def act(self, observation: Observation) -> Decision:
        """The action for this tick; SetupError where the environment does not show what `observation_keys` names."""
        if self._expert:
            observation = self._expert.with_plan(observation)
        values = {**observation.values, **privileged_values(self._keys, observation.privileged)}
        return self._policy.act(Observation(values, observation.stamp_s))


def reads_plan(keys: tuple[str, ...]) -> bool:
    """Whether a policy with these observation keys needs the expert's plan."""
    return PLAN in keys
