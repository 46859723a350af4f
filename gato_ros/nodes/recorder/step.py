"""One control step of an episode: while it goes on, and when it is over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus

from gato_ros.core.action import Action
from gato_ros.core.guard.arbiter import IDLE
from gato_ros.core.observation import Observation
from gato_ros.core.timing.freshness import Instant, Sample
from gato_ros.nodes.messages.diagnosis import values_of


@dataclass(frozen=True)
class Step:
    """One control step that is over."""

    observation: Observation
    label: Action
    executed: Action
    tick: dict[str, Any]
    """JSON values: who was in command, what the guard said, ages, proposals, tokens."""


@dataclass
class OpenStep:
    """The step that is going on."""

    samples: dict[str, Sample]
    """Contract key of an image, JOINTS or GRIPPER -> what the observation is made of."""
    at: Instant
    verdicts: Counter = field(default_factory=Counter)
    sources: Counter = field(default_factory=Counter)
    reasons: Counter = field(default_factory=Counter)
    proposals: dict[str, Action] = field(default_factory=dict)
    commands: list[np.ndarray] = field(default_factory=list)
    base_commands: list[np.ndarray] = field(default_factory=list)
    journal: dict | None = None
    marks: int = 0

    @property
    def source(self) -> str:
        """Who was in command for most of it."""
        return self.sources.most_common(1)[0][0] if self.sources else IDLE

    def judge(self, message: DiagnosticStatus) -> tuple[str, str]:
        """Take what the guard says; its verdict, and who is in command."""
        values = values_of(message)
        self.reasons.update(filter(None, values.get("reasons", "").split(",")))
        return self.count(message.message, values.get("source", IDLE))

    def count(self, verdict: str, source: str) -> tuple[str, str]:
        """Take a verdict that holds now."""
        self.verdicts[verdict] += 1
        self.sources[source] += 1
        return verdict, source

    def tick(self, label_from: str, faults: tuple[str, ...]) -> dict[str, Any]:
        """`Step.tick`."""
        tick = {
            "source": self.source,
            "label_from": label_from,
            "verdict": self.verdicts.most_common(1)[0][0] if self.verdicts else None,
            "verdicts": dict(self.verdicts),
            "sources": dict(self.sources),
            "reasons": dict(self.reasons),
            "commands": len(self.commands),
            "faults": list(faults),
            "stamps_s": {name: sample.stamp_s for name, sample in self.samples.items()},
            "ages_s": {name: round(sample.age_s(self.at), 5) for name, sample in self.samples.items()},
            "proposals": {name: action.as_vector().tolist() for name, action in self.proposals.items()},
        }
        if self.journal is not None:
            tick["tokens"] = {key: self.journal.get(key) for key in ("n", "ids", "patches_crc32", "action_ids")}
        if self.marks:
            tick["marks"] = self.marks
        return tick
