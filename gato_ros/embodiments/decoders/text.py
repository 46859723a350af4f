"""std_msgs/String: the task in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.text import value_from_text
from gato_ros.embodiments.decoders.decoder import Decoder, Refused

STRING = Decoder("std_msgs/msg/String", gives="text")


def text_value(message: Any, size_bytes: int) -> np.ndarray:
    """float32 [size_bytes] of the text, as `core.text` has it.

    Raises:
        Refused: it is empty, too long, or no text.
    """
    if not message.data.strip():
        raise Refused("an empty text")
    try:
        return value_from_text(message.data, size_bytes)
    except SetupError as error:
        raise Refused(f"{error.got}, expected {error.expected}") from None
