"""Conversations of weights about pictures, beside what is true of them. Unedited, as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TURNS = 4
MOST_TOKENS = 48
"""Of an answer; a caption has about 25."""


def dialogues(policy: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """What weights say about `count` pictures, each with its own questions.

    Returns:
        per picture `seed`, and `turns` of `question`, `said` and `right`.

    Raises:
        SetupError: weights that know no text; no simulator to make pictures with.
    """
    from gato_ros.domains.scenes.maker import SceneMaker
    from gato_ros.domains.scenes.questions import KINDS, dialogue
    from gato_ros.evaluation.progress import counted
    from gato_ros.models.serving.conversation import Conversation, on_device
    from gato_ros.models.weights import load_weights

    weights, maker, found = on_device(load_weights(policy, None)), SceneMaker(), []
    # One that goes on from another question needs that one before it.
    kinds = [kind for kind in KINDS if kind != "follow_up"]
    try:
        with counted("dialogues", count) as advance:
            for number in range(seed, seed + count):
                rng = np.random.default_rng(number)
                pixels, facts = maker.scene(rng, True)
                turns = dialogue(facts, rng, kinds, held_out=True)[:TURNS]
                talk = Conversation(weights, (pixels,), MOST_TOKENS)
                said = [{"question": asked, "said": talk.answer(asked), "right": right} for asked, right in turns]
                found.append({"seed": number, "turns": said})
                advance("")
    finally:
        maker.close()
    return found
