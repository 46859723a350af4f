"""The one error a user meets at set-up: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable


class SetupError(Exception):
    """Something a user gave us cannot be used; shown as one line, exit code 2.

    Raised before anything is written or moved. Never raised inside the control loop.
    """

    def __init__(self, *, expected: str, got: str, fix: str):
        self.expected, self.got, self.fix = expected, got, fix
        super().__init__(f"expected {expected}; got {got}; {fix}")

    def __reduce__(self) -> tuple[Callable[[str, str, str], SetupError], tuple[str, str, str]]:
        # Keyword-only arguments do not survive the default: a worker process could not send the error home.
        return _restored, (self.expected, self.got, self.fix)


def _restored(expected: str, got: str, fix: str) -> SetupError:
    return SetupError(expected=expected, got=got, fix=fix)


def unknown_name(what: str, got: str, known: Iterable[str]) -> SetupError:
    """The error for a name that is not in a closed set, naming the nearest right one."""
    known = sorted(known)
    near = difflib.get_close_matches(got, known, n=1)
    fix = f"did you mean {near[0]!r}?" if near else "choose one of those"
    return SetupError(expected=f"{what} in {{{', '.join(known)}}}", got=repr(got), fix=fix)
