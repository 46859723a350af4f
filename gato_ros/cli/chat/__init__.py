"""Ask a trained Gato, about a picture or without one.

One question a line, from a terminal or from standard input; one answer a line. It remembers the turns before, as far as
its window reaches. The end of the input ends the conversation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tyro

from gato_ros.core.bounds import Count, NotNegative, Seed, check_bounds


@dataclass(frozen=True)
class Options:
    """Who answers, and about what."""

    policy: str
    """A folder with weights that were trained with text, or the name of shipped ones."""
    image: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """A picture that the questions are about."""
    max_tokens: Count = 64
    """Stop an answer after so many, if the model does not end it before."""
    temperature: NotNegative = 0.0
    """0 takes the likeliest token; above, tokens are drawn."""
    seed: Seed = 0
    """Of the drawing."""
    vocabulary: Path | None = None
    """The SentencePiece model of the weights, if it is neither beside them nor the published one."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract that the weights were trained for; of a generalist it does not matter."""
    json: Path | None = None
    """Write the turns here as JSON."""


def run(options: Options) -> dict:
    """Print an answer to every line."""
    from gato_ros.evaluation.picture_file import read_picture
    from gato_ros.evaluation.policy_source import text_weights
    from gato_ros.models.generation import Sampling
    from gato_ros.models.serving.conversation import Conversation
    from gato_ros.models.vocabulary import load_vocabulary

    check_bounds(options)
    if options.vocabulary is not None:
        load_vocabulary(options.vocabulary)
    weights = text_weights(options.policy, options.embodiment)
    pictures = [read_picture(path) for path in options.image]
    conversation = Conversation(weights, pictures, options.max_tokens, Sampling(options.temperature), options.seed)
    turns = []
    for question in _questions():
        answer = conversation.answer(question)
        print(answer, flush=True)
        turns.append({"question": question, "answer": answer, "tokens": conversation.answer_tokens})
    return {"turns": turns}


def _questions() -> Iterator[str]:
    """Lines that are not empty; on a terminal each after a mark."""
    at_terminal = sys.stdin.isatty()
    while True:
        if at_terminal:
            print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()
