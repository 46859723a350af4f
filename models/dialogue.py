"""A conversation, perhaps about a picture, as one time-step of a mixed sequence: the same for training and for answers.

A question is seen, an answer is learned and ended by the piece that ends a text: there an answer stops.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.models.config import GatoConfig
from gato_ros.models.segments import Image, Step, Text


def dialogue_step(lines: Sequence[str], config: GatoConfig, pixels: Sequence[np.ndarray] = ()) -> Step:
    """Questions and answers in turn after pictures; of an odd number of lines the last is open.

    Args:
        lines: the first is a question.
        pixels: uint8 [height width 3] each, cut as a camera's picture is (`cut`).
    """
    texts = [Text(line, end=place % 2 == 1, predicted=place % 2 == 1) for place, line in enumerate(lines)]
    return Step((*(cut(one, config) for one in pixels), *texts))


def cut(pixels: np.ndarray, config: GatoConfig) -> Image:
    """A picture without what the model's crop takes from every camera's picture, its patches where they were.

    Raises:
        SetupError: nothing would be left.
    """
    crop, (height, width) = config.crop, pixels.shape[:2]
    part = pixels[crop.top : height - crop.bottom, crop.left : width - crop.right]
    if not part.size:
        raise SetupError(
            expected=f"more than the {crop.top + crop.bottom} x {crop.left + crop.right} px that are cut off a picture",
            got=f"{height} x {width}",
            fix="give a larger one",
        )
    return Image(part, (height, width), (crop.top, crop.left))
