"""Text that a trained Gato writes after a text, images, or both."""

from __future__ import annotations

import codecs
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from gato_ros.core.bounds import Count, NotNegative, Seed, check_bounds


@dataclass(frozen=True)
class Options:
    """What is read, who writes, and how."""

    policy: str
    """A folder with weights that were trained with text, or the name of shipped ones."""
    text: str = ""
    """What the model reads; it goes on where this stops."""
    image: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """Pictures that the model sees before the text; may be given more than once. What the model's crop takes from a
    camera's picture is cut off; of what is left the patch size divides both sides."""
    max_tokens: Count = 64
    """Stop after so many, if the model does not end the text before."""
    temperature: NotNegative = 0.0
    """0 takes the likeliest token; above, tokens are drawn."""
    top_k: Count | None = None
    """Draw from the likeliest so many only."""
    seed: Seed = 0
    vocabulary: Path | None = None
    """The SentencePiece model of the weights, if it is neither beside them nor the published one."""
    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract that the weights were trained for; of a generalist it does not matter."""
    json: Path | None = None
    """Write text, ids and times here as JSON."""


def run(options: Options) -> dict:
    """Print the text as it is written."""
    from gato_ros.evaluation.picture_file import read_picture
    from gato_ros.evaluation.policy_source import text_weights
    from gato_ros.models.dialogue import dialogue_step
    from gato_ros.models.generation import Sampling, generate
    from gato_ros.models.vocabulary import load_vocabulary, vocabulary_of

    sampling = Sampling(options.temperature, options.top_k)
    check_bounds(options)
    if options.vocabulary is not None:
        load_vocabulary(options.vocabulary)
    weights = text_weights(options.policy, options.embodiment)
    vocabulary = vocabulary_of(weights.config)
    lines = (options.text,) if options.text else ()
    prompt = (dialogue_step(lines, weights.config, [read_picture(path) for path in options.image]),)
    ids, times, characters = [], [time.monotonic()], codecs.getincrementaldecoder("utf-8")("replace")
    for chosen in generate(
        weights.params, weights.config, prompt, max_tokens=options.max_tokens, sampling=sampling, seed=options.seed
    ):
        added = characters.decode(vocabulary.spelled(chosen))
        print(added if ids else added.removeprefix(" "), end="", flush=True)
        ids.append(chosen)
        times.append(time.monotonic())
    print(characters.decode(b"", final=True))
    seconds = times[-1] - times[min(1, len(times) - 1)]
    return {
        "text": vocabulary.decode(ids),
        "ids": ids,
        "ended": len(ids) < options.max_tokens,
        "first_token_s": times[1] - times[0] if ids else None,
        "tokens_per_s": (len(ids) - 1) / seconds if seconds else None,
    }
