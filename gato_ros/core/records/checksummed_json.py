"""JSON that holds its own checksum: one byte sequence per content, so that every change is found."""

from __future__ import annotations

import hashlib
import json
from typing import Any

KEY = "seal"
"""The key of the checksum: sha256 over the canonical JSON of all other keys. Shipped weights hold it by this name."""


def digest(content: Any) -> str:
    """sha256 over the canonical JSON of `content`.

    Raises:
        ValueError: a NaN or an infinity.
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def checksummed_text(record: dict[str, Any]) -> str:
    """`record` and its checksum as the text of a file; an older checksum in it is replaced."""
    content = {key: value for key, value in record.items() if key != KEY}
    return _text({**content, KEY: digest(content)})


def verified_record(text: bytes) -> dict[str, Any]:
    """The record of a text that `checksummed_text` made, without its checksum.

    Raises:
        ValueError: not JSON; not an object; no checksum, or that of another content; a byte that
            `checksummed_text` would not write (1e-05 and 1E-05 are one number: the digest alone misses such a bit).
    """
    record = json.loads(text.decode())
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__}, not an object")
    if KEY not in record:
        raise ValueError(f"no checksum ({KEY!r})")
    content = {key: value for key, value in record.items() if key != KEY}
    if record[KEY] != digest(content):
        raise ValueError(f"a content that does not match its checksum ({KEY!r})")
    if _text(record).encode() != text:
        raise ValueError("the same content in another spelling")
    return content


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, allow_nan=False) + "\n"
