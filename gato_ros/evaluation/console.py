"""The one console that verbs print their tables on."""

from __future__ import annotations

import sys

from rich.console import Console

WIDE = 100_000
"""Columns of a pipe or a file: no width to keep to, so no value is cut and no line broken."""


def make_console() -> Console:
    """As wide as the terminal; where there is none, as wide as what is printed, whatever COLUMNS says."""
    return Console(width=None if sys.stdout.isatty() else WIDE)
