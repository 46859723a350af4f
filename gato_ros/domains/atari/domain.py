"""Atari games as a domain: what they share, their rules, and a model for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import unknown_name
from gato_ros.domains.atari.environment import AtariEnv
from gato_ros.domains.atari.expert import RulePolicy
from gato_ros.domains.atari.games import GAMES, SCREEN, SPEC, TASK
from gato_ros.domains.atari.supervision import AtariSupervision
from gato_ros.models.config import Convolution, GatoConfig
from gato_ros.models.layout import CONTINUOUS_START
from gato_ros.models.vocabulary import PUBLISHED
from gato_ros.training.supervision import Supervision

SMALL = GatoConfig(
    layers=3,
    width=128,
    heads=4,
    head_size=32,
    feed_forward=512,
    observation_keys=(SCREEN, TASK),
    context_tokens=8 * 18,
    action_decoding="autoregressive",
    action_positions="distinct",
    patch_size=32,
    stem=(Convolution(6, 4, 32), Convolution(3, 2, 64), Convolution(3, 2, 128)),
    text_rows=CONTINUOUS_START,
    vocabulary=PUBLISHED,
)
"""Eight steps of context: a picture alone does not tell where a ball is going. 12 patches, 4 tokens of the game's name,
the separator and the button."""


class Atari:
    """Five games of one console, one spec for all."""

    name = "atari"
    tasks: tuple[str, ...] = tuple(GAMES)
    packages = ("ale-py",)
    metric = "return"
    presets: Mapping[str, GatoConfig] = {"atari_small": SMALL}
    training: Mapping[str, Any] = {}
    """Its preset learns sequences: `training/sequence_config.py` says how."""

    def contract(self, task: str) -> SpecContract:
        """Name and spec; all games have one spec."""
        return SpecContract(f"{self.name}_{self._known(task)}", SPEC)

    def supervision(self, task: str) -> Supervision:
        """The expert's buttons, and what is where on the screen."""
        self._known(task)
        return AtariSupervision()

    def environment(self, task: str, render_mode: str | None = None) -> AtariEnv:
        """The console with that game in it."""
        return AtariEnv(self._known(task), render_mode)

    def expert(self, task: str, environment: AtariEnv) -> RulePolicy:
        """The rule of that game."""
        return RulePolicy(self._known(task), environment)

    def percent_of_human(self, task: str, score: float) -> float:
        """On the scale between random play and people, both of the literature."""
        return GAMES[self._known(task)].percent_of_human(score)

    def _known(self, task: str) -> str:
        if task not in GAMES:
            raise unknown_name("a task of atari", task, GAMES)
        return task


DOMAIN = Atari()
