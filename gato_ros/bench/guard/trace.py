"""What happened in a fuzzed episode."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Trace:
    """What happened, one row per tick; all of the true arm, whatever it reported."""

    inside: bool
    """It began in the workspace with the gripper down, and no tick came late: it has to stay there."""
    wish: str
    """Which of WISHES."""
    rows: dict[str, list] = field(default_factory=dict)

    def add(self, **values) -> None:
        for name, value in values.items():
            self.rows.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self.rows[name])

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))
