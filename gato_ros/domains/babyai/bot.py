"""minigrid's own bot behind the Policy seam. It plans on the whole level, which no learned policy sees."""

from __future__ import annotations

from typing import Any

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.domains.babyai.environment import MOVE, BabyAiEnv


class BotPolicy:
    """The expert of one environment: reset it after the environment."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, environment: BabyAiEnv):
        self._environment = environment
        self._bot: Any = None
        self._last: int | None = None

    def reset(self, prompt: Prompt | None = None) -> None:
        """Plan anew, for the level as it is now."""
        from minigrid.utils.baby_ai_bot import BabyAIBot

        self._bot, self._last = BabyAIBot(self._environment.level), None

    def act(self, observation: Observation) -> Decision:
        """The bot's move. It takes for granted that its move before was made."""
        self._last = int(self._bot.replan(self._last))
        return Decision(Action({MOVE: self._last}))
