"""Text: paragraphs that a model goes on with, measured by how well it foresees those that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gato_ros.core.contract import SpecContract
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.policy import Policy
from gato_ros.core.spec import StepSpec, TextSpec
from gato_ros.domains.domain import Environment
from gato_ros.domains.text.sources import FILES, PYTHON, WORDNET
from gato_ros.models.config import GatoConfig
from gato_ros.training.supervision import ActionsOnly

PROMPT, CONTINUATION = "prompt/text", "continuation/text"
SPEC = StepSpec.of({PROMPT: TextSpec(size_bytes=512, tokens=64)}, {CONTINUATION: TextSpec(size_bytes=512, tokens=64)})


class Texts:
    """A source of text is a task. There are no episodes: `evaluation/foreign/text.py` measures it."""

    name = "text"
    tasks: tuple[str, ...] = (PYTHON, WORDNET, FILES)
    collected: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    metric = "nats per token"
    presets: Mapping[str, GatoConfig] = {}
    training: Mapping[str, Any] = {}

    def contract(self, task: str) -> SpecContract:
        """One for all."""
        if task not in self.tasks:
            raise unknown_name("a task of text", task, self.tasks)
        return SpecContract(self.name, SPEC)

    def supervision(self, task: str) -> ActionsOnly:
        """Nothing beside the text."""
        return ActionsOnly(())

    def environment(self, task: str, render_mode: str | None = None) -> Environment:
        """SetupError: a text is no world."""
        raise _no_world("environment")

    def expert(self, task: str, environment: Environment) -> Policy:
        """SetupError: a text is no world."""
        raise _no_world("expert")


def _no_world(what: str) -> SetupError:
    return SetupError(expected=f"a domain with an {what}", got="text", fix="run `evaluate --domain text`")


DOMAIN = Texts()
