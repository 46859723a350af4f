"""Which options of a verb a foreign domain has."""

from __future__ import annotations

import dataclasses
from typing import Any

from gato_ros.core.errors import SetupError


def only(options: Any, allowed: tuple[str, ...]) -> None:
    """Refuse options that count for nothing in `options.domain`.

    Raises:
        SetupError: one that is not among `allowed` and is not at its default.
    """
    for field in dataclasses.fields(options):
        if field.name in (*allowed, "domain", "json"):
            continue
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if getattr(options, field.name) != default:
            raise SetupError(
                expected=f"options of --domain {options.domain}: {', '.join(map(_flag, allowed))}",
                got=_flag(field.name),
                fix="leave it out",
            )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
