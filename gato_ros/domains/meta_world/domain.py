"""Meta-World as a domain: its fifty tasks, its scripted experts, and a model for a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import unknown_name
from gato_ros.domains.meta_world.environment import MetaWorldEnv
from gato_ros.domains.meta_world.expert import ScriptedPolicy
from gato_ros.domains.meta_world.tasks import SPEC, STATE, TASK, TASKS
from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import CONTINUOUS_START
from gato_ros.models.vocabulary import PUBLISHED
from gato_ros.training.supervision import ActionsOnly, Curve, Supervision

AXES = ("x", "y", "z", "gripper")
SMALL = GatoConfig(
    layers=3,
    width=64,
    heads=4,
    head_size=16,
    feed_forward=256,
    observation_keys=(STATE, TASK),
    step_attention="full",
    continuous_encoding="range",
    text_rows=CONTINUOUS_START,
    vocabulary=PUBLISHED,
)
"""One step of context: 16 numbers, 5 tokens of the task, 4 of the action."""


class MetaWorld:
    """Fifty tasks in one world; an episode is a success if it ever succeeds."""

    name = "meta_world"
    tasks: tuple[str, ...] = TASKS
    packages = ("metaworld", "mujoco")
    metric = "success"
    presets: Mapping[str, GatoConfig] = {"meta_world_small": SMALL}
    training: Mapping[str, Any] = {"blind_share": 0.0, "patch_dropout": 0.0, "brightness": 0.0, "mirror": False}

    def contract(self, task: str) -> SpecContract:
        """Name and spec; all tasks have one spec."""
        return SpecContract(f"{self.name}_{self._known(task)}", SPEC)

    def supervision(self, task: str) -> Supervision:
        """The expert's actions are all that is known."""
        return ActionsOnly(AXES, curves=(Curve("validation", ("loss",), "loss of held-out episodes"),))

    def environment(self, task: str, render_mode: str | None = None) -> MetaWorldEnv:
        """The world of a task."""
        return MetaWorldEnv(self._known(task), render_mode)

    def expert(self, task: str, environment: MetaWorldEnv) -> ScriptedPolicy:
        """The scripted policy of a task."""
        return ScriptedPolicy(self._known(task), environment)

    def _known(self, task: str) -> str:
        if task not in TASKS:
            raise unknown_name("a task of meta_world", task, TASKS)
        return task


DOMAIN = MetaWorld()
