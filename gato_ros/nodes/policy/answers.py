"""Questions to the policy about what its camera shows, answered in the time that control leaves."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.models.weights import Weights

MOST_TOKENS = 48
MOST_BYTES = 108
"""Of a question: each is one token at most."""
REHEARSED = tuple("\ua66e" * count for count in (1, 17, 33, MOST_BYTES // 3))
"""Three bytes and as many tokens a letter: prompts are padded to few lengths, and each of them has to be compiled."""
SAFETY = 2.0
"""A piece of work begins where it fits so many times."""
NO_ANSWERS = "I cannot answer: these weights were not trained to (docs/how-to/generalist.md)."
LONGEST_WAIT_S = 30.0
"""A question that is older is given up."""
NO_TIME = "I cannot answer: control leaves no time for it."
BUSY = "I am still answering another question."


class Answers:
    """One question at a time, piece by piece: reading it is the first piece, each token of the answer another.

    `work` is called by the thread that acts, between two actions, so that no action ever waits for more than one piece.
    """

    def __init__(
        self,
        weights: Weights | None,
        shape: tuple[int, ...],
        picture: Callable[[], np.ndarray | str],
        publish: Callable[[str], None],
    ):
        """Rehearse once, so that nothing is compiled later.

        Args:
            weights: that answer; None: there are none, and every question is refused.
            shape: of the camera's pictures.
            picture: uint8 [height width 3] of the camera now, or why there is none; called for every question.
            publish: takes an answer, or why there is none.
        """
        self._weights, self._picture, self._publish = weights, picture, publish
        self._pending: Iterator[str] | None = None
        self._said = ""
        self._begun, self._asked_s = False, 0.0
        # The first piece, and the others. The median: a stall of the machine says nothing about the next piece.
        self._times_s: dict[bool, deque[float]] = {begun: deque(maxlen=9) for begun in (False, True)}
        self.answered, self._refusal = 0, NO_ANSWERS
        if weights is None:
            return
        try:
            for measured in (False, True):
                for question in REHEARSED:
                    self._rehearse(weights, shape, question, measured)
        except SetupError as error:  # pictures that leave no room for words are no reason not to act
            self._weights, self._refusal = None, f"I cannot answer: {error}"

    def ask(self, question: str) -> None:
        """Take a question; what cannot be answered is refused at once."""
        question = " ".join(question.split())
        if self._weights is None:
            self._publish(self._refusal)
        elif not 0 < len(question.encode()) <= MOST_BYTES:
            self._publish(f"Ask something of 1 to {MOST_BYTES} bytes; this has {len(question.encode())}.")
        elif self._pending is not None:
            self._publish(BUSY)
        elif isinstance(seen := self._picture(), str):
            self._publish(f"I see nothing: {seen}.")
        else:
            self._asked_s, self._begun = time.monotonic(), False
            self._pending = self._conversation(self._weights, seen).pieces(question)

    @property
    def piece_s(self) -> float:
        """What the next piece is expected to take [s]."""
        return float(np.median(self._times_s[self._begun] or (0.0,)))

    @property
    def waiting(self) -> bool:
        """Whether there is work."""
        return self._pending is not None

    def fits(self, left_s: float) -> bool:
        """Whether there is work, and the next piece of it ends well before so many seconds are over.

        A question that has waited for too long is given up, and the next one is tried whatever was measured.
        """
        if not self.waiting:
            return False
        if time.monotonic() - self._asked_s > LONGEST_WAIT_S:
            for times_s in self._times_s.values():
                times_s.clear()
            self._end(NO_TIME)
            return False
        return SAFETY * self.piece_s < left_s

    def work(self) -> None:
        """Do one piece; the last one publishes the answer."""
        if self._pending is None:
            return
        began_s = time.monotonic()
        try:
            self._said = next(self._pending)
        except StopIteration:
            self.answered += 1
            self._end(self._said)
        except Exception as error:  # an answer must not end the control of an arm
            self._end(f"I cannot answer: {error}")
        else:
            self._times_s[self._begun].append(time.monotonic() - began_s)
            self._begun = True

    def _end(self, said: str) -> None:
        self._pending = None
        self._publish(said)

    def _conversation(self, weights: Weights, pixels: np.ndarray):  # noqa: ANN202  (imported here: it brings JAX)
        from gato_ros.models.serving.conversation import Conversation

        return Conversation(weights, (pixels,), MOST_TOKENS)

    def _rehearse(self, weights: Weights, shape: tuple[int, ...], question: str, measured: bool) -> None:
        pieces = self._conversation(weights, np.zeros(shape, np.uint8)).pieces(question)
        for place in range(3):
            began_s = time.monotonic()
            if next(pieces, None) is None:
                return
            if measured:
                self._times_s[place > 0].append(time.monotonic() - began_s)


def answering_weights(name: str) -> Weights | None:
    """The weights, where they were trained to answer questions about scenes; else None.

    Raises:
        SetupError: damaged ones.
    """
    from gato_ros.domains.registry import SCENES
    from gato_ros.models.serving.conversation import on_device
    from gato_ros.models.shipped import weights_folder
    from gato_ros.models.weights import contract_names, load_weights

    folder = weights_folder(name)
    return on_device(load_weights(folder, None)) if SCENES in contract_names(folder) else None
