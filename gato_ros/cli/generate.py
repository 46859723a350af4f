"""Text that a trained Gato writes after a text, images, or both."""

from __future__ import annotations

import codecs
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from gato_ros.core.bounds import Count, NotNegative, Seed, check_bounds
from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Options:
    """What is read, who writes, and how."""

    policy: str
    """A folder with weights that were trained with text, or the name of shipped ones."""
    text: str = ""
    """What the model reads; it goes on where this stops."""
    image: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """Pictures that the model sees before the text, whose sides the patch size divides; may be given more than once."""
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
    """Name or path of the contract that the weights were trained for."""
    json: Path | None = None
    """Write text, ids and times here as JSON."""


def run(options: Options) -> dict:
    """Print the text as it is written."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.evaluation.policy_source import weights_folder
    from gato_ros.models.generation import Sampling, generate
    from gato_ros.models.segments import Image, Step, Text
    from gato_ros.models.vocabulary import load_vocabulary, vocabulary_of
    from gato_ros.models.weights import load_weights, weights_config

    sampling = Sampling(options.temperature, options.top_k)
    check_bounds(options)
    if options.vocabulary is not None:
        load_vocabulary(options.vocabulary)
    folder = weights_folder(options.policy)
    keys = weights_config(folder).observation_keys
    weights = load_weights(folder, contract_for(load_embodiment(options.embodiment), keys))
    vocabulary = vocabulary_of(weights.config)
    images = tuple(Image(read_picture(path)) for path in options.image)
    prompt = (Step((*images, *((Text(options.text),) if options.text else ()))),)
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


def read_picture(path: Path) -> np.ndarray:
    """uint8 [height width 3] RGB of a picture file; SetupError if it is none."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if picture is None:
        raise SetupError(
            expected="a picture",
            got=f"{path}, which is none that can be read" if path.is_file() else f"no file {path}",
            fix="give a PNG or JPEG file",
        )
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
