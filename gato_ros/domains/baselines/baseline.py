"""The shipped scores of random play and of the experts, so that not every evaluation plays them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Baseline:
    """Of one domain and one policy: an `evaluate --json` file."""

    seed: int
    """Of the first episode of each task."""
    versions: Mapping[str, str | None]
    """Of the packages that the domain is made of."""
    tasks: Mapping[str, Mapping[str, Any]]
    """Task -> its row, `outcomes` among it."""

    def covers(self, task: str, seeds: range, versions: Mapping[str, str | None]) -> bool:
        """Whether it has these episodes of a task, played in these versions of the packages."""
        if task not in self.tasks or any(self.versions.get(name) != one for name, one in versions.items()):
            return False
        return self.seed <= seeds.start and seeds.stop <= self.seed + int(self.tasks[task]["attempted"])


@lru_cache(maxsize=16)
def load_baseline(domain: str, policy: str) -> Baseline | None:
    """The shipped scores of `random` or `expert`; None where there are none.

    Raises:
        SetupError: the file is damaged.
    """
    path = FOLDER / f"{domain}_{policy}.json"
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Baseline(int(values["seed"]), values["versions"][domain], values["domains"][domain]["tasks"])
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            expected=f"the scores of {policy} in {path}",
            got=f"{type(error).__name__}: {error}",
            fix="install the package again",
        ) from None
