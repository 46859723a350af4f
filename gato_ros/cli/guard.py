"""Checks of the guard: every float on every input (`fuzz`), and mutants that its tests must kill (`mutants`).

They belong to the repository: an installed package does not hold them.
"""

from __future__ import annotations

import sys
from typing import Any

import tyro

from gato_ros.cli import is_installed, options_of, require_installed

MODULES = {"fuzz": "gato_ros.bench.guard.fuzz", "mutants": "gato_ros.bench.guard.mutants"}

Options = options_of(MODULES) if is_installed(MODULES["fuzz"]) else None


def parse(args: list[str], **more: Any) -> Any:
    """The options of a command line; SetupError where the checks are not installed."""
    require_installed("guard", MODULES["fuzz"])
    return tyro.cli(Options, args=args, **more)


def run(options: Any) -> dict:
    """Run the check that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
