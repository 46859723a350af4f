"""Collected scenes as sequences to learn from: each a picture and a conversation about it, worded anew every time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.data.data_digest import frames_digest
from gato_ros.data.episodes.recording import Recording
from gato_ros.data.frames import join
from gato_ros.domains.scenes.facts import FACTS, facts_of
from gato_ros.domains.scenes.questions import dialogue
from gato_ros.domains.scenes.spec import PICTURE, SPEC
from gato_ros.models.config import GatoConfig
from gato_ros.models.dialogue import dialogue_step
from gato_ros.models.segments import SequenceTokens, image_grids, pack
from gato_ros.models.vocabulary import vocabulary_of


class SceneSource:
    """A `training.mixture.writing.Source`."""

    def __init__(self, recordings: Sequence[Recording], kinds: Sequence[str], config: GatoConfig):
        """`kinds` of questions to ask.

        Raises:
            SetupError: scenes that are kept for evaluation, or a model without text.
        """
        self._frames = join([one.frames for one in recordings])
        if FACTS not in self._frames.privileged:
            raise SetupError(
                expected=f"scenes with {FACTS}", got="others", fix="run `python -m gato_ros collect --domain scenes`"
            )
        self._facts = self._frames.privileged[FACTS]
        if self._facts[:, -1].any():
            raise SetupError(
                expected="scenes to learn from",
                got=f"{int(self._facts[:, -1].sum())} that are kept for evaluation",
                fix="run `python -m gato_ros collect --domain scenes`",
            )
        self._kinds, self._config, self._vocabulary = tuple(kinds), config, vocabulary_of(config)
        nothing = np.zeros(SPEC.observations[PICTURE].shape, np.uint8)
        self.grids = image_grids([dialogue_step((), config, [nothing])], config)
        """Rows and columns of the patches of the one picture of a sequence."""
        self.patches = self.grids[0][0] * self.grids[0][1]
        """Of a sequence."""

    def __len__(self) -> int:
        return len(self._frames)

    @cached_property
    def digest(self) -> str:
        """Of the questions' kinds and of all that is true of the pictures."""
        return frames_digest([self._frames], [self._facts, np.frombuffer(",".join(self._kinds).encode(), np.uint8)])

    def sequence(self, rng: np.random.Generator, length: int, learned: int) -> SequenceTokens:
        """A picture, and as many questions about it as there is room for."""
        row = int(rng.integers(len(self)))
        pixels = self._frames.pixels([row])[0, self._frames.image_keys.index(PICTURE)]
        lines: list[str] = []
        room = length - self.patches
        for asked, answer in dialogue(facts_of(self._facts[row]), rng, self._kinds):
            answered = len(self._vocabulary.encode(answer)) + 1
            room -= len(self._vocabulary.encode(asked)) + answered
            learned -= answered
            if room < 0 or learned < 0:
                break
            lines += [asked, answer]
        return pack([dialogue_step(lines, self._config, [pixels])], self._config, length, self.patches)
