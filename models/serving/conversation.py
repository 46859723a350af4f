"""Several turns with a model that answers in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import jax
import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.models.dialogue import dialogue_step
from gato_ros.models.generation import Sampling, generate
from gato_ros.models.segments import pack
from gato_ros.models.vocabulary import vocabulary_of
from gato_ros.models.weights import Weights


def on_device(weights: Weights) -> Weights:
    """The same weights with their parameters where they are computed with, so that no conversation moves them again."""
    return replace(weights, params=jax.device_put(weights.params))


class Conversation:
    """Remembers what was said, as far as the window of the weights reaches."""

    def __init__(
        self,
        weights: Weights,
        pixels: Sequence[np.ndarray] = (),
        max_tokens: int = 64,
        sampling: Sampling | None = None,
        seed: int = 0,
    ):
        """`pixels`: uint8 [height width 3] each, what the conversation is about.

        Raises:
            SetupError: weights that know no text; pictures that leave no room for a question.
        """
        self._params, self._config = jax.device_put(weights.params), weights.config
        self._vocabulary, self._sampling = vocabulary_of(weights.config), sampling or Sampling()
        self._seed = seed
        self._pixels, self._max_tokens = tuple(pixels), max_tokens
        self.lines: list[str] = []
        """Questions and answers in turn."""
        self.answer_tokens = 0
        """Of the last answer."""
        if self._tokens(self.lines) + max_tokens >= self._config.window:
            raise SetupError(
                expected=f"pictures and an answer of {max_tokens} tokens within {self._config.window} tokens",
                got=f"pictures of {self._tokens(self.lines)}",
                fix="show a smaller picture, or shorten the answer",
            )

    def answer(self, question: str) -> str:
        """One line after this question. The oldest turns are forgotten where they have no room any more.

        Raises:
            SetupError: a question that is longer than the window.
        """
        *_, said = self.pieces(question)
        return said

    def pieces(self, question: str) -> Iterator[str]:
        """`answer` in steps, for whoever has other work between them: after each token what has been said so far.

        The last one is the answer, and follows the one before at once.
        """
        self.lines.append(question)
        while self._tokens(self.lines) + self._max_tokens > self._config.window:
            if len(self.lines) == 1:
                self.lines.clear()
                raise SetupError(
                    expected=f"a question that fits into {self._config.window - self._max_tokens} tokens",
                    got=f"{len(question)} characters",
                    fix="shorten it",
                )
            del self.lines[:2]
        step = dialogue_step(self.lines, self._config, self._pixels)
        ids: list[int] = []
        for piece in generate(
            self._params,
            self._config,
            [step],
            max_tokens=self._max_tokens,
            sampling=self._sampling,
            seed=self._seed + len(self.lines),
        ):
            ids.append(piece)
            yield self._said(ids)
        self.answer_tokens = len(ids)
        self.lines.append(self._said(ids))
        yield self.lines[-1]

    def _said(self, ids: Sequence[int]) -> str:
        # A line stands for a turn.
        return " ".join(self._vocabulary.decode(ids).split())

    def _tokens(self, lines: Sequence[str]) -> int:
        return int(pack([dialogue_step(lines, self._config, self._pixels)], self._config).count)
