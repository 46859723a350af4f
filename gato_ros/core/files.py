"""Files that are written whole or not at all."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError


def write_json(path: Path, value: dict) -> None:
    """Write `value` to `path` whole or not at all; a device or pipe is written into.

    Raises:
        SetupError: NaN or infinite numbers (they are not JSON), named by their keys.
    """
    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except ValueError:
        raise SetupError(
            expected=f"finite numbers for {path}",
            got=", ".join(itertools.islice(_not_finite(value, ""), 3)) or "a value that contains itself",
            fix="the figures say more: a training that diverged has none",
        ) from None
    if path.absolute().parts[1:2] in (("dev",), ("proc",)) or (path.exists() and not path.is_file()):
        path.write_text(text + "\n")  # to replace /dev/stdout or /dev/null would take it from everybody
        return
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to the file `path` whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _not_finite(value: Any, name: str) -> Iterator[str]:
    """Where in a result there are numbers that JSON does not know."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, part in items:
        yield from _not_finite(part, f"{name}.{key}" if name else str(key))
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{name} = {value}"
