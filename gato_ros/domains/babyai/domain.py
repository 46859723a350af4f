"""BabyAI as a domain: its levels, its bot, and a model for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import unknown_name
from gato_ros.domains.babyai.bot import BotPolicy
from gato_ros.domains.babyai.environment import MISSION, SPEC, TILE_PX, VIEW, BabyAiEnv
from gato_ros.domains.babyai.supervision import NAMES, PATCH_NAMES, BabyAiSupervision
from gato_ros.domains.domain import Scores
from gato_ros.models.config import Convolution, GatoConfig
from gato_ros.models.layout import CONTINUOUS_START
from gato_ros.models.vocabulary import PUBLISHED
from gato_ros.training.supervision import Supervision

LEVELS = {"go_to_local": "BabyAI-GoToLocal-v0"}
SMALL = GatoConfig(
    layers=3,
    width=64,
    heads=4,
    head_size=16,
    feed_forward=256,
    observation_keys=(MISSION, VIEW),
    step_attention="full",
    patch_size=TILE_PX,
    stem=(Convolution(TILE_PX, TILE_PX, 48),),
    text_rows=CONTINUOUS_START,
    vocabulary=PUBLISHED,
    temperature=1.0,  # one step of context: who takes the likeliest move for ever turns to and fro
    auxiliary=NAMES,
    auxiliary_early_layer=2,
    patch_auxiliary=PATCH_NAMES,
)
"""One step of context: 49 tiles, 12 tokens of mission, one move."""


class BabyAi:
    """Missions of one room."""

    name = "babyai"
    tasks: tuple[str, ...] = tuple(LEVELS)
    packages = ("minigrid",)
    metric = "return"
    presets: Mapping[str, GatoConfig] = {"babyai_small": SMALL}

    # Nothing is blanked or recoloured: a tile is a symbol, and colours are what missions are about.
    training: Mapping[str, Any] = {
        "blind_share": 0.0,
        "patch_dropout": 0.0,
        "brightness": 0.0,
        "mirror": False,
        "auxiliary_weight": 1.0,
        "patch_weight": 1.0,
    }

    def contract(self, task: str) -> SpecContract:
        """Name and spec; all levels have one spec."""
        return SpecContract(f"{self.name}_{self._known(task)}", SPEC)

    def supervision(self, task: str) -> Supervision:
        """The bot's moves, and which tiles show the target."""
        return BabyAiSupervision()

    def environment(self, task: str, render_mode: str | None = None) -> BabyAiEnv:
        """The level."""
        return BabyAiEnv(LEVELS[self._known(task)], render_mode)

    def expert(self, task: str, environment: BabyAiEnv) -> BotPolicy:
        """minigrid's bot."""
        return BotPolicy(environment)

    def scores(self, task: str) -> Scores:
        """Mean returns of random moves and of the bot: `evaluate --domain babyai --policy random --episodes 300`."""
        return _SCORES[self._known(task)]

    def _known(self, task: str) -> str:
        if task not in LEVELS:
            raise unknown_name("a task of babyai", task, LEVELS)
        return task


_SCORES = {"go_to_local": Scores(random=0.132, expert=0.923, episodes=300)}
DOMAIN = BabyAi()
