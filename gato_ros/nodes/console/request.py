"""What a browser may say, checked to the last key: anything else is refused, and nothing of it is carried out."""

from __future__ import annotations

import json
from dataclasses import dataclass

LONGEST = 2048
"""Characters of one message."""
LONGEST_TEXT = 300
LARGEST = 2**53
KINDS: dict[str, dict[str, type]] = {
    "look": {"on": bool},
    "seen": {},
    "overlay": {"on": bool},
    "take": {},
    "give": {},
    "do": {"verb": str, "text": str},
    "hold": {"press": int, "motion": str, "echo": int},
    "release": {},
    "list": {"what": str},
    "open": {"what": str, "number": int},
    "compare": {"number": int, "other": int},
    "examine": {},
}
"""What is said -> what it has to have, and its type."""


class BadRequest(Exception):
    """Nothing that the page says; the text says what is wrong."""


@dataclass(frozen=True)
class Request:
    """One message of a browser; parts that its kind does not have are empty."""

    kind: str
    on: bool = False
    verb: str = ""
    text: str = ""
    press: int = 0
    motion: str = ""
    echo: int = 0
    what: str = ""
    number: int = 0
    other: int = 0


def parse(message: object) -> Request:
    """The request in a message's text.

    Raises:
        BadRequest: it is no such text.
    """
    if not isinstance(message, str) or len(message) > LONGEST:
        raise BadRequest(f"expected a text of at most {LONGEST} characters")
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        raise BadRequest("expected JSON") from None
    kind = found.get("kind") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadRequest(f"expected a kind in {', '.join(KINDS)}")
    parts = {name: value for name, value in found.items() if name != "kind"}
    if parts.keys() != KINDS[kind].keys():
        raise BadRequest(f"expected {', '.join(KINDS[kind]) or 'nothing more'} beside {kind}")
    for name, value in parts.items():
        # A bool is an int to Python.
        if type(value) is not KINDS[kind][name]:
            raise BadRequest(f"expected another type of {name}")
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            raise BadRequest(f"expected {name} from 0 to {LARGEST}")
        if isinstance(value, str) and (len(value) > LONGEST_TEXT or not value.isprintable()):
            raise BadRequest(f"expected {name} of at most {LONGEST_TEXT} printable characters")
    return Request(kind, **parts)
