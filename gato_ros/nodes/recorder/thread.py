"""The recorder's own thread behind a bounded queue: the disk may stall or fill up, and nobody on the wire waits."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.data.incidents.incident import Topic
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import Embodiment
from gato_ros.nodes.recorder.episode import EpisodeRecording, Outcome, free_bytes
from gato_ros.nodes.recorder.sensor_streams import ClockWentBack
from gato_ros.nodes.recorder.step_segmenter import StepSegmenter

SYNC_S = 1.0
"""So much of a recording may be lost with the machine's power [s]; with the process alone, nothing that is flushed."""
DISK_LOOK_S = 1.0


@dataclass(frozen=True)
class ThreadSettings:
    """Where recordings go and what they may take."""

    folder: Path
    queue_bytes: int
    """Messages that wait beyond this are dropped, counted, and the episode is flagged."""
    finish_below_bytes: int
    """With less room on the disk the running episode is finished and flagged."""


@dataclass(frozen=True)
class Begin:
    """Start an episode."""

    name: str
    metadata: Mapping[str, Any]
    not_before_s: float
    lost: Mapping[str, int]
    """Messages that never came, by topic, until now."""


@dataclass(frozen=True)
class End:
    """End it."""

    outcome: Outcome
    lost: Mapping[str, int]
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Filled in when it is ordered: the next episode counts anew."""


@dataclass(frozen=True)
class Progress:
    """How far the thread is."""

    episode: str = ""
    """The one that is recorded; empty: none."""
    steps: int = 0
    dropped: int = 0
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Topic -> how many messages of the episode did not fit the contract, and why the last did not."""
    kept: int = 0
    """Episodes that are whole, since the start."""
    thrown_away: int = 0
    failed: int = 0
    """Begun and left unfinished, or empty."""
    last: str = ""
    """What became of the last one."""
    last_path: str = ""
    last_end: str = ""
    last_flags: str = ""
    free_bytes: int = -1

    @property
    def over(self) -> int:
        """Episodes that are at their end, whatever became of them."""
        return self.kept + self.thrown_away + self.failed


@dataclass
class _Running:
    episode: EpisodeRecording
    lost_before: Mapping[str, int]
    dropped: Counter = field(default_factory=Counter)


class RecorderThread:
    """`offer` and `order` return at once."""

    def __init__(self, settings: ThreadSettings, robot: Embodiment):
        self._settings, self._robot, self._maker = settings, robot, StepSegmenter(robot)
        self._changed = threading.Condition()
        self._waiting: deque[tuple | Begin | End | str] = deque()
        self._waiting_bytes, self._dropped, self._wanted = 0, Counter(), ""
        self._progress = Progress()
        self._running: _Running | None = None
        self._lost_now: Mapping[str, int] = {}
        self._looked_s, self._stopping = 0.0, False
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("recorder", self._work), ("recorder_sync", self._sync))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def progress(self) -> Progress:
        """Now."""
        with self._changed:
            return self._progress

    @property
    def recording(self) -> bool:
        """Whether an episode was begun and neither ended nor failed."""
        return bool(self._wanted)

    def offer(self, received: Sequence[tuple[Topic, Kept, int]], lost: Mapping[str, int]) -> None:
        """Messages of the episode, if there is one, in the order of their receipt, as far as there is room to wait.

        Args:
            received: topic, message, and its receipt on the clock that stamps messages [ns].
            lost: as in `Begin`.
        """
        with self._changed:
            self._lost_now = lost
            if not self._wanted:
                return
            for one in received:
                topic, kept, _ = one
                if self._waiting_bytes + len(kept.data) > self._settings.queue_bytes:
                    self._dropped[topic.name] += 1
                    continue
                self._waiting.append(one)
                self._waiting_bytes += len(kept.data)
            self._changed.notify()

    def order(self, order: Begin | End | str) -> None:
        """Begin, End or `mark`: in its place among the messages, and never dropped."""
        with self._changed:
            if isinstance(order, Begin):
                self._wanted, self._dropped = order.name, Counter()
                self._progress = replace(self._progress, refused={})
            elif isinstance(order, End):
                self._wanted, order = "", replace(order, dropped=dict(self._dropped))
            self._waiting.append(order)
            self._changed.notify()

    def close(self, limit_s: float) -> None:
        """Finish what waits, for at most `limit_s`."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._threads[0].join(timeout=limit_s)

    def _next(self) -> list:
        with self._changed:
            if not self._waiting and not self._stopping:
                self._changed.wait(DISK_LOOK_S)
            taken = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            return taken

    def _work(self) -> None:
        while True:
            taken = self._next()
            for one in taken:
                try:
                    self._do(one)
                except Exception as error:  # whatever it was, the next episode is to be recorded
                    self._abandon(error)
            self._look_at_disk()
            if self._stopping and not taken:
                return

    def _do(self, one: tuple | Begin | End | str) -> None:
        if isinstance(one, Begin):
            self._begin(one)
        elif self._running is None:
            return  # it ended by itself
        elif isinstance(one, End):
            self._end(one.outcome, one.lost, one.dropped)
        elif one == "mark":
            self._running.episode.mark()
        else:
            self._take(*one)

    def _begin(self, order: Begin) -> None:
        try:
            episode = EpisodeRecording(
                self._settings.folder, order.name, self._robot, self._maker, order.metadata, order.not_before_s
            )
        except (SetupError, OSError, ValueError) as error:
            return self._failed(order.name, error)
        self._running = _Running(episode, dict(order.lost))
        self._tell(episode=order.name, steps=0, dropped=0)

    def _take(self, topic: Topic, kept: Kept, clock_ns: int) -> None:
        try:
            self._running.episode.take(topic, kept, clock_ns)
        except OSError:
            return self._end_unasked("disk_full")
        except ClockWentBack as error:
            return self._end_unasked("clock_back", str(error))
        if self._running.episode.refused != self._progress.refused:
            self._tell(refused=self._running.episode.refused)
        if self._progress.steps != self._running.episode.steps:
            with self._changed:
                dropped = self._dropped.total()
            self._tell(steps=self._running.episode.steps, dropped=dropped)

    def _end_unasked(self, why: str, about: str = "") -> None:
        with self._changed:
            dropped = dict(self._dropped)
            self._no_longer_wanted(self._running.episode.name)
        self._end(Outcome(why), self._lost_now, dropped, about)

    def _no_longer_wanted(self, name: str) -> None:
        if self._wanted == name:  # else somebody has begun another meanwhile
            self._wanted = ""

    def _end(self, outcome: Outcome, lost: Mapping[str, int], dropped: Mapping[str, int], about: str = "") -> None:
        running, self._running = self._running, None
        missing = {
            name: count - running.lost_before.get(name, 0)
            for name, count in dict(lost).items()
            if count > running.lost_before.get(name, 0)
        }
        try:
            path, flags = running.episode.finish(outcome, missing, dropped)
        except (SetupError, OSError) as error:
            return self._failed(running.episode.name, error)
        now = self._progress
        self._tell(
            episode="",
            dropped=sum(dropped.values()),
            last=f"{path.name}: {outcome.end}{about and ': '}{about}",
            last_path=str(path),
            last_end=outcome.end,
            last_flags=",".join(flags),
            kept=now.kept + (not outcome.thrown_away),
            thrown_away=now.thrown_away + outcome.thrown_away,
        )

    def _abandon(self, error: Exception) -> None:
        """Leave what there is for the recovery."""
        running, self._running = self._running, None
        if running is not None:
            running.episode.leave()
            self._failed(running.episode.name, error)

    def _failed(self, name: str, error: Exception) -> None:
        with self._changed:
            self._no_longer_wanted(name)
        self._tell(
            episode="",
            failed=self._progress.failed + 1,
            last=f"{name}: {error or repr(error)}",
            last_path="",
            last_end="failed",
            last_flags="failed",
        )

    def _tell(self, **changes: Any) -> None:
        with self._changed:
            self._progress = replace(self._progress, **changes)

    def _look_at_disk(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < DISK_LOOK_S:
            return
        self._looked_s = now_s
        with contextlib.suppress(OSError):
            free = free_bytes(self._settings.folder)
            self._tell(free_bytes=free)
            if self._running is not None and free < self._settings.finish_below_bytes:
                self._end_unasked("disk_low")

    def _sync(self) -> None:
        """A thread of its own: on a slow disk this takes seconds, in which the file can go on growing."""
        while not self._stopping:
            time.sleep(SYNC_S)
            if (running := self._running) is not None:
                with contextlib.suppress(OSError, ValueError):  # closed meanwhile; a sick disk tells the next write
                    running.episode.sync()
