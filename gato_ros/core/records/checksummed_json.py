"""JSON that tells when it was changed: one byte sequence per content, and the content's digest inside."""

from __future__ import annotations

import hashlib
import json
from typing import Any

KEY = "seal"
"""The key of the digest: sha256 over the canonical JSON of all other keys."""


def digest(content: Any) -> str:
    """sha256 over the canonical JSON of `content`.

    Raises:
        ValueError: a NaN or an infinity.
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def sealed_text(record: dict[str, Any]) -> str:
    """`record` and its seal as the text of a file; an older seal in it is replaced."""
    content = {key: value for key, value in record.items() if key != KEY}
    return _text({**content, KEY: digest(content)})


def open_sealed(text: bytes) -> dict[str, Any]:
    """The record of a sealed text, without its seal.

    Raises:
        ValueError: not JSON; not an object; no seal, or one of another content; a byte that `sealed_text` would not
            write (1e-05 and 1E-05 are one number, so the digest alone does not see every flipped bit).
    """
    record = json.loads(text.decode())
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__}, not an object")
    if KEY not in record:
        raise ValueError(f"no {KEY!r}")
    content = {key: value for key, value in record.items() if key != KEY}
    if record[KEY] != digest(content):
        raise ValueError(f"a content that is not the one of its {KEY!r}")
    if _text(record).encode() != text:
        raise ValueError("the sealed content in another spelling")
    return content


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, allow_nan=False) + "\n"
