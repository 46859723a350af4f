"""Every call of an object and what came of it, written down exactly, so that it can be done again and compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gato_ros.core.records.exact_json import decode, encode, to_text

STATE_EVERY = 20
"""Calls between two records of the whole object: where doing it again can begin."""


class Journaled:
    """Stands in for `inner`: its calls go through, and are kept until `take` writes them down.

    Writing is left to the caller, who has more urgent things to do first. The arguments must be values that nobody
    changes afterwards. One thread.
    """

    def __init__(self, inner: Any):
        self._inner, self._calls = inner, []
        self._number, self._until_state = 0, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._kept(name, found) if callable(found) else found

    def _kept(self, name: str, method: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            self._calls.append((name, arguments, options, result))
            return result

        return call

    def take(self, wanted: bool = True) -> list[str]:
        """One JSON text for each call since the last `take`, and now and then one of the whole object; never raises.

        Args:
            wanted: False forgets the calls: nobody reads.
        """
        calls, self._calls = self._calls, []
        if not wanted:
            self._until_state = 0  # whoever reads next begins with the whole object
            return []
        texts = []
        for name, arguments, options, result in calls:
            texts.append(self._text(call=name, arguments=arguments, options=options, result=result))
            self._until_state -= 1
        if self._until_state <= 0:
            texts.append(self._text(state=self._inner))
            self._until_state = STATE_EVERY
        return texts

    def _text(self, **parts: Any) -> str:
        self._number += 1
        try:
            content = ", ".join(f'"{key}": {to_text(part)}' for key, part in parts.items())
            return f'{{"n": {self._number}, {content}}}'
        except (TypeError, ValueError, RecursionError) as error:
            # The one who is written about must not fail because of it; the reader finds the reason.
            return json.dumps({"n": self._number, "unwritten": str(error)})


@dataclass(frozen=True)
class Repetition:
    """A recorded call, done again."""

    number: int
    """Its number in the journal."""
    call: str
    """The method's name; `state` where the whole object was written down."""
    arguments: tuple
    """As they were given."""
    recorded: Any
    """The result, encoded."""
    repeated: Any
    """The result of doing it again, encoded."""
    judged: bool = True
    """False: nothing is known of the object at that time, so it was not done again."""

    @property
    def equal(self) -> bool:
        """Bit by bit; NaN equals itself."""
        return not self.judged or json.dumps(self.recorded) == json.dumps(self.repeated)


def repeat(texts: Iterable[str]) -> Iterator[Repetition]:
    """Do the calls of a journal again, from its first record of the whole object on.

    After a text that was lost it goes on at the next such record.

    Raises:
        ValueError: not a journal, or one of another version of the package.
    """
    inner, last = None, None
    for text in texts:
        entry = json.loads(text)
        if last is not None and entry["n"] != last + 1:
            inner = None
        last = entry["n"]
        if "unwritten" in entry:
            inner = None
        elif "state" in entry:
            if inner is not None:
                yield Repetition(last, "state", (), entry["state"], encode(inner))
            inner = decode(entry["state"])
        else:
            arguments, recorded = decode(entry["arguments"]), entry["result"]
            if inner is None:
                yield Repetition(last, entry["call"], arguments, recorded, None, judged=False)
                continue
            try:
                result = getattr(inner, entry["call"])(*arguments, **decode(entry["options"]))
            except (AttributeError, TypeError) as error:
                raise ValueError(f"recorded by another version of the package: {error}") from None
            yield Repetition(last, entry["call"], arguments, recorded, encode(result))
