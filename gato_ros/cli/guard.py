"""Checks of the guard: every float on every input (`fuzz`), and mutants that its tests must kill (`mutants`)."""

from __future__ import annotations

import sys
from typing import Annotated, Union

import tyro

from gato_ros.bench.guard import fuzz as guard_fuzz
from gato_ros.bench.guard import mutants as guard_mutants

Options = Union[
    Annotated[guard_fuzz.Options, tyro.conf.subcommand("fuzz", description=guard_fuzz.__doc__)],
    Annotated[guard_mutants.Options, tyro.conf.subcommand("mutants", description=guard_mutants.__doc__)],
]


def run(options: Options) -> dict:
    """Hand over to the check that the options belong to."""
    return sys.modules[type(options).__module__].run(options)
