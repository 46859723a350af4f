"""Recorded episodes: list, verify, repair, label, throw away, count, look at, take elsewhere, and import."""

from __future__ import annotations

import sys
from typing import Any

from gato_ros.cli import options_of

VERBS = ("ls", "verify", "repair", "label", "trash", "stats", "view", "export", "import")
MODULES = {"import": "import_episodes"}
"""Where a verb is no name in Python."""
Options = options_of({name: f"gato_ros.cli.episode_verbs.{MODULES.get(name, name)}" for name in VERBS})


def run(options: Any) -> dict:
    """Run the verb that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
