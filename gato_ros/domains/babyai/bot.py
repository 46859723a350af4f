"""minigrid's own bot behind the Policy seam. It plans on the whole level, which no learned policy sees."""

from __future__ import annotations

from typing import Any

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.domains.babyai.environment import BabyAiEnv
from gato_ros.domains.babyai.levels import MOVE
from gato_ros.domains.domain import NoPlan

MOST_SUBGOALS = 200
"""In a plan that leads somewhere there are at most some dozens, and a decision adds a few."""


class BotPolicy:
    """The expert of one environment: reset it after the environment, and ask it at every step.

    Whoever drives, it goes on from the move that was made.
    """

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, environment: BabyAiEnv):
        self._environment = environment
        self._bot: Any = None

    def reset(self, prompt: Prompt | None = None) -> None:
        """Plan anew, for the level as it is now."""
        from minigrid.utils.baby_ai_bot import BabyAIBot

        self._bot = BabyAIBot(self._environment.level)
        self._bot.stack = _Subgoals(self._bot.stack)

    def act(self, observation: Observation) -> Decision:
        """The bot's move.

        Raises:
            NoPlan: it would go on planning for ever, or the moves that were made are beyond it, like an opened box.
        """
        self._bot.stack.added = 0
        try:
            return Decision(Action({MOVE: int(self._bot.replan(self._environment.taken))}))
        except Exception as error:  # it asserts what other drivers' moves break, and has errors of its own
            raise NoPlan(f"{type(error).__name__}: {error}") from None


class _Subgoals(list):
    """The bot's stack with an end: some starts make it add subgoals for ever."""

    added = 0
    """In this decision."""

    def append(self, subgoal: Any) -> None:
        self.added += 1
        if self.added > MOST_SUBGOALS or len(self) > MOST_SUBGOALS:
            raise RecursionError(f"more than {MOST_SUBGOALS} subgoals")
        super().append(subgoal)
