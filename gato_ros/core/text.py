"""A text as an observation: its UTF-8 bytes in a vector of fixed size, so that it is recorded like any other."""

from __future__ import annotations

import numpy as np

from gato_ros.core.errors import SetupError


def value_from_text(text: str, size: int) -> np.ndarray:
    """float32 [size]: the bytes of the text, then zeros. The vector of zeros is the empty text.

    Raises:
        SetupError: more than `size` bytes, a NUL or a lone surrogate in it.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise SetupError(
            expected="a text",
            got=f"a lone surrogate at character {error.start}",
            fix="decode the bytes that it comes from as UTF-8",
        ) from None
    if len(content) > size or 0 in content:
        raise SetupError(
            expected=f"a text of at most {size} bytes, without NUL",
            got=f"{len(content)} bytes: {text!r}",
            fix="shorten it, or make room in the contract",
        )
    value = np.zeros(size, np.float32)
    value[: len(content)] = list(content)
    return value


def text_from_value(value: np.ndarray) -> str:
    """Inverse of `value_from_text`; ValueError where the numbers are no such text."""
    value = np.asarray(value)
    count = np.count_nonzero(value)
    if value[count:].any() or not np.isin(value, np.arange(256)).all():
        raise ValueError(f"expected the bytes of a text, then zeros; got {value}")
    return bytes(value[:count].astype(np.uint8)).decode()
