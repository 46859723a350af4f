"""One episode while it is recorded: messages go into its file as they came, control steps as they end."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.data.episodes.episode import EpisodeWriter
from gato_ros.data.episodes.recovery import set_aside
from gato_ros.data.episodes.trash import trash
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.hold import standing_action
from gato_ros.nodes.recorder.step import Step
from gato_ros.nodes.recorder.step_segmenter import StepSegmenter

RESERVE_BYTES = 4 * 2**20
"""Room for the end of a file on a full disk: its index, of about ten thousand steps."""
QUIET_S = 0.25
"""Where no step ends for so long [s], the messages that came go into the file all the same."""
NO_STEPS = "no control step"


@dataclass(frozen=True)
class Outcome:
    """How an episode ended."""

    end: str
    """stop_success, stop_fail, discard, redo, interrupted, disk_low, disk_full or clock_back."""
    success: bool | None = None
    """What the operator said; None: nobody did."""
    thrown_away: bool = False
    """It goes into the trash."""


class EpisodeRecording:
    """Belongs to the writing thread, but for `sync`."""

    def __init__(
        self,
        folder: Path,
        name: str,
        robot: Embodiment,
        maker: StepSegmenter,
        metadata: Mapping[str, Any],
        not_before_s: float,
    ):
        """Raises SetupError if the episode cannot be begun, OSError if the disk will not."""
        maker.begin(metadata["task_text"], not_before_s)
        self.name, self._maker, self._operator = name, maker, metadata["operator"]
        self._writer = EpisodeWriter(folder, name, robot, metadata, reserve_bytes=RESERVE_BYTES)
        self._writer.file.flush()
        self._one_state_topic = robot.wire.gripper_states.topic == robot.wire.joint_states.topic
        self._sequences: Counter[str] = Counter()
        self._policy: dict | None = None
        self._flushed_s = time.monotonic()
        self.steps = 0
        self.marks = 0
        self.sources: Counter[str] = Counter()

    def take(self, topic: Topic, kept: Kept, clock_ns: int) -> None:
        """One message.

        Raises:
            OSError: the disk; what is in the file is whole.
            ClockWentBack: as `StepSegmenter.take`.
        """
        step = self._maker.take(topic, kept, clock_ns)
        about = {"of": topic.role, **({"key": topic.key} if topic.key else {})}
        if topic.role != "gripper" or not self._one_state_topic:  # there it is in the file as the arm's
            number = self._sequences[topic.name]
            self._writer.add_raw(topic.name, topic.message_type, kept.data, clock_ns, number, about)
            self._sequences[topic.name] += 1
        if step is not None:
            self._add(step)
        elif time.monotonic() - self._flushed_s > QUIET_S:
            self._flush()

    @property
    def refused(self) -> dict[str, tuple[int, str]]:
        """Topic -> how many of its messages did not fit the contract, and why the last did not."""
        return {name: (count, self._maker.why[name]) for name, count in self._maker.refused.items()}

    def mark(self) -> None:
        """The operator points at this moment."""
        self._maker.mark()
        self.marks += 1

    def sync(self) -> None:
        """Put what was flushed on the disk; from any thread."""
        self._writer.file.sync()

    def leave(self) -> None:
        """Give it up as it is, for the recovery of the next start."""
        self._writer.file.leave()

    def _add(self, step: Step) -> None:
        self._writer.add(self.steps, step.observation, step.label, step.executed, tick=step.tick)
        self.steps += 1
        self.sources[step.tick["source"]] += 1
        if self._policy != self._maker.about_policy:
            self._policy = self._maker.about_policy
            self._writer.add_record("policy", self._policy)
        self._flush()

    def _flush(self) -> None:
        self._writer.file.flush()
        self._flushed_s = time.monotonic()

    def finish(self, outcome: Outcome, lost: Mapping[str, int], dropped: Mapping[str, int]) -> tuple[Path, list[str]]:
        """End the file; where it lies then, and what it is flagged with.

        Raises:
            OSError: not even the room set aside is enough; the file is left for the recovery of the next start.
            SetupError: there is nothing in it to keep; it was set aside.
        """
        if (last := self._maker.finish()) is not None:
            with contextlib.suppress(OSError):  # it waits in memory for `close`
                self._add(last)
        if not self.steps:
            raise SetupError(
                expected=f"control steps in {self.name}",
                got=f"{NO_STEPS}: {self._maker.why_no_step() or 'no two cameras and states together'}",
                fix=f"what came is in {set_aside(self._writer.file.leave())}",
            )
        flags = [outcome.end] * (outcome.end not in ("stop_success", "stop_fail", "discard", "redo"))
        flags += [
            name
            for name, counts in (
                ("dropped", dropped),
                ("lost", lost),
                ("refused", self._maker.refused),
                ("missed_ticks", self._maker.missed_ticks),
            )
            if counts
        ]
        record = {
            "success": outcome.success,
            "end": outcome.end,
            "steps": self.steps,
            "flags": flags,
            "dropped": dict(dropped),
            "lost": dict(lost),
            "refused": dict(self._maker.refused),
            "refused_why": dict(self._maker.why),
            "missed_ticks": self._maker.missed_ticks,
            "marks": self.marks,
            "sources": dict(self.sources),
        }
        try:
            path = self._writer.close(record)
        except OSError:
            self._writer.file.leave()
            raise
        if not outcome.thrown_away:
            return path, flags
        return trash(path, f"{outcome.end} while recording", self._operator or None).path, flags


def warm_up(robot: Embodiment) -> None:
    """Write a step to nowhere: the first of every type takes a while, and no step of an episode should wait for it."""
    values = {
        key: np.zeros(channel.shape, np.uint8 if channel.kind == "image" else np.float32)
        for key, channel in robot.observations.items()
    }
    hold = standing_action(robot, np.zeros(len(robot.arm.joints)), 0.0)
    with tempfile.TemporaryDirectory() as place, EpisodeWriter(Path(place), "warm_up", robot, {}) as writer:
        writer.add(0, Observation(values), hold, hold, tick={})
        writer.file.flush()


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder."""
    return shutil.disk_usage(folder).free
