"""BabyAI as a domain: its levels, its bot, and a model for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import unknown_name
from gato_ros.domains.babyai.bot import BotPolicy
from gato_ros.domains.babyai.environment import BabyAiEnv
from gato_ros.domains.babyai.levels import CELLS, HELD_OUT, LEVELS, MISSION, Level
from gato_ros.domains.babyai.supervision import NAMES, PATCH_NAMES, BabyAiSupervision
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import CONTINUOUS_START
from gato_ros.models.vocabulary import PUBLISHED
from gato_ros.training.supervision import Supervision

SMALL = GatoConfig(
    layers=3,
    width=64,
    heads=4,
    head_size=16,
    feed_forward=256,
    observation_keys=(CELLS, MISSION),
    step_attention="full",
    text_rows=CONTINUOUS_START,
    vocabulary=PUBLISHED,
    temperature=1.0,  # one step of context: who takes the likeliest move for ever turns to and fro
    auxiliary=NAMES,
    auxiliary_early_layer=2,
    patch_auxiliary=PATCH_NAMES,
)
"""One step of context: 49 tiles, 9 tokens of mission, one move."""


class BabyAi:
    """Missions in one room to nine, in one instruction to four."""

    name = "babyai"
    tasks: tuple[str, ...] = tuple(LEVELS)
    more_tasks: tuple[str, ...] = tuple(HELD_OUT)
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
        """Name and spec; all levels differ in the length of their missions only."""
        return SpecContract(f"{self.name}_{task}", self._level(task).spec)

    def supervision(self, task: str) -> Supervision:
        """The bot's moves, and which tiles show the target."""
        return BabyAiSupervision()

    def environment(self, task: str, render_mode: str | None = None) -> BabyAiEnv:
        """The level."""
        return BabyAiEnv(self._level(task), render_mode)

    def expert(self, task: str, environment: BabyAiEnv) -> BotPolicy:
        """minigrid's bot."""
        return BotPolicy(environment)

    def _level(self, task: str) -> Level:
        if task not in (known := {**LEVELS, **HELD_OUT}):
            raise unknown_name("a task of babyai", task, known)
        return known[task]


DOMAIN = BabyAi()
