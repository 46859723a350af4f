"""Scenes: pictures of our stacking world, questions about them, and answers in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import unknown_name
from gato_ros.domains.scenes.environment import Constant, Knowing, SceneEnv
from gato_ros.domains.scenes.questions import KINDS, ask
from gato_ros.domains.scenes.spec import SPEC
from gato_ros.models.config import GatoConfig
from gato_ros.training.supervision import ActionsOnly

COLLECTED = "scene"
"""What demonstrations are filed under: of one picture every kind of question can be asked."""
COUNTED = 300
"""Scenes to learn from, of which the most frequent answer of each kind is taken."""


class Scenes:
    """A kind of question is a task."""

    name = "scenes"
    tasks: tuple[str, ...] = KINDS
    collected: tuple[str, ...] = (COLLECTED,)
    packages = ("pybullet",)
    metric = "success"
    presets: Mapping[str, GatoConfig] = {}
    training: Mapping[str, Any] = {}

    def contract(self, task: str) -> SpecContract:
        """One for all: the questions differ in words only."""
        self._kind(task)
        return SpecContract(self.name, SPEC)

    def supervision(self, task: str) -> ActionsOnly:
        """Nothing beside the answers."""
        return ActionsOnly(())

    def environment(self, task: str, render_mode: str | None = None) -> SceneEnv:
        """Questions of that kind."""
        return SceneEnv(self._kind(task), render_mode)

    def expert(self, task: str, environment: SceneEnv) -> Knowing:
        """The right answer."""
        return Knowing(environment)

    def guess(self, task: str) -> Constant:
        """The most frequent answer of the kind in scenes to learn from: what who sees nothing says best."""
        return Constant(most_frequent(COUNTED)[task])

    def _kind(self, task: str) -> str | None:
        if task not in (*self.tasks, *self.collected):
            raise unknown_name("a task of scenes", task, self.tasks)
        return None if task == COLLECTED else task


@lru_cache(maxsize=1)
def most_frequent(count: int) -> dict[str, str]:
    """By kind of question the most frequent answer in so many scenes to learn from; of several the first in the
    alphabet."""
    from gato_ros.domains.scenes.maker import SceneMaker

    maker = SceneMaker()
    answers: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for seed in range(count):
        rng = np.random.default_rng(seed)
        _, facts = maker.scene(rng, False)
        asked = [ask(kind, facts, rng, False) for kind in KINDS]
        for question in asked:
            if question is not None:
                answers[question.kind][question.answer] += 1
    maker.close()
    return {kind: min(found, key=lambda answer: (-found[answer], answer)) for kind, found in answers.items()}


DOMAIN = Scenes()
