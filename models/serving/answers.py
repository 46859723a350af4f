"""A trained Gato that answers in words, behind the Policy seam."""

from __future__ import annotations

from pathlib import Path

import jax

from gato_ros.core.action import Action
from gato_ros.core.contract import Contract
from gato_ros.core.decision import Decision
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.core.spec import TextSpec
from gato_ros.core.text import text_from_value, value_from_text
from gato_ros.models.dialogue import dialogue_step
from gato_ros.models.generation import Sampling, generate
from gato_ros.models.vocabulary import vocabulary_of
from gato_ros.models.weights import Weights, load_weights


class AnswerPolicy:
    """Pictures and a dialogue to its next line. Each answer stands by itself: what came before is in the lines."""

    def __init__(self, weights: Weights, contract: Contract, temperature: float = 0.0):
        """`contract`: its step has any pictures, one text that is read, and one that is written.

        Raises:
            SetupError: another contract, or weights without text.
        """
        spec = contract.spec
        texts = [key for key, one in spec.observations.items() if isinstance(one, TextSpec)]
        written = [(key, one) for key, one in spec.actions.items() if isinstance(one, TextSpec)]
        if len(texts) != 1 or len(written) != 1 or len(spec.actions) != 1:
            raise SetupError(
                expected="a step with one text to read and one to write", got=contract.name, fix="use GatoPolicy"
            )
        self._text, (self._answer, self._room) = texts[0], written[0]
        self._pictures = [key for key, one in spec.observations.items() if one.kind == "image"]
        self._params, self._config = jax.device_put(weights.params), weights.config
        self._vocabulary, self._sampling = vocabulary_of(weights.config), Sampling(temperature)
        self.observation_keys: tuple[str, ...] = tuple(spec.observations)
        self.info = PolicyInfo(weights.digest)
        self.ticks = 0
        """Answers so far; what is drawn at a temperature above 0 depends on it."""

    @staticmethod
    def from_directory(directory: str | Path, contract: Contract, temperature: float | None = None) -> "AnswerPolicy":
        """The policy saved in `directory`, or the shipped one of that name; the likeliest answer by default.

        Raises:
            SetupError: it is damaged, made for others, or knows no text; a temperature below 0.
        """
        return AnswerPolicy(load_weights(directory, contract), contract, temperature or 0.0)

    def reset(self, prompt: Prompt | None = None) -> None:
        """Nothing is remembered."""

    def act(self, observation: Observation) -> Decision:
        """The text that follows."""
        self.ticks += 1
        lines = text_from_value(observation.values[self._text]).split("\n")
        step = dialogue_step(lines, self._config, [observation.values[key] for key in self._pictures])
        ids = generate(
            self._params,
            self._config,
            [step],
            max_tokens=self._room.tokens,
            sampling=self._sampling,
            seed=self.ticks,
        )
        text, size = self._vocabulary.decode(ids).replace("\0", ""), self._room.size_bytes
        fitting = text.encode()[:size].decode(errors="ignore")
        return Decision(Action({self._answer: value_from_text(fitting, size)}))
