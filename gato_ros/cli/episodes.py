"""Recorded episodes: list, verify, repair, label, throw away, count, look at, and take elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from gato_ros.cli import options_of

VERBS = ("ls", "verify", "repair", "label", "trash", "stats", "view", "export")
Options = options_of({name: f"gato_ros.cli.episode_verbs.{name}" for name in VERBS})


def run(options: Any) -> dict:
    """Run the verb that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
