"""The rules behind the Policy seam. They read the console's memory, which no learned policy sees."""

from __future__ import annotations

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.domains.atari.environment import AtariEnv
from gato_ros.domains.atari.games import BUTTON
from gato_ros.domains.atari.rules.atlantis import Atlantis
from gato_ros.domains.atari.rules.boxing import Boxing
from gato_ros.domains.atari.rules.breakout import Breakout
from gato_ros.domains.atari.rules.freeway import Freeway
from gato_ros.domains.atari.rules.pong import Pong
from gato_ros.domains.atari.rules.rule import Rule

RULES: dict[str, type[Rule]] = {
    "pong": Pong,
    "freeway": Freeway,
    "breakout": Breakout,
    "boxing": Boxing,
    "atlantis": Atlantis,
}


class RulePolicy:
    """The expert of one environment: ask it at every step. Whoever presses the buttons, it goes on from there."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, task: str, environment: AtariEnv):
        self._make, self._environment = RULES[task], environment
        self._rule = self._make()

    def reset(self, prompt: Prompt | None = None) -> None:
        """Begin anew."""
        self._rule = self._make()

    def act(self, observation: Observation) -> Decision:
        """The button that the rule would press."""
        button = self._rule.button(self._environment.console.ram, self._environment.pressed)
        return Decision(Action({BUTTON: button}))
