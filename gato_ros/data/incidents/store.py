"""Writes incidents beside the work that must not wait: one thread, a bounded number, never the last of a disk."""

from __future__ import annotations

import os
import queue
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gato_ros.data.incidents.incident import Topic, write_incident
from gato_ros.data.incidents.message_ring import Kept

HOUR_S = 3600.0


def default_folder() -> Path:
    """Where ROS keeps what a user's nodes leave behind."""
    return Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser() / "gato_ros" / "incidents"


@dataclass(frozen=True)
class StoreSettings:
    """What may be written where."""

    folder: Path
    per_hour: int
    """Incidents written in any hour; what a person asks for does not count and is not refused for it."""
    least_free_bytes: int
    """The disk keeps at least this much."""
    niceness: int = 0
    """Of the writing thread: packing takes a second or two of a core, and nobody waits for it."""


@dataclass
class StoreCounts:
    """What became of the incidents offered."""

    written: int = 0
    refused: int = 0
    """Beyond the bound per hour, no room on the disk, or two waiting already."""
    failed: int = 0
    """Begun, and not finished: the disk said why."""
    last: str = ""
    """What happened to the last one."""
    last_path: str = ""
    """The last one that is whole."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class IncidentStore:
    """`offer` returns at once; a thread of its own packs and writes."""

    def __init__(self, settings: StoreSettings, topics: Mapping[str, Topic]):
        self._settings, self._topics = settings, topics
        self.counts = StoreCounts()
        self._begun_s: deque[float] = deque()
        # One being written, one waiting: each holds a whole ring in memory.
        self._waiting: queue.Queue[tuple | None] = queue.Queue(maxsize=1)
        self._thread = threading.Thread(target=self._work, name="incidents", daemon=True)
        self._thread.start()

    def offer(
        self, reason: str, kept: Sequence[Kept], about: Mapping[str, object], now_s: float, requested: bool = False
    ) -> str | None:
        """Have an incident written; None, or why it is refused.

        Args:
            reason: of the latch.
            kept: the ring's content, oldest first.
            about: JSON values for its record.
            now_s: steady clock.
            requested: a person wants it.
        """
        refusal = self._refusal(kept, now_s, requested)
        if refusal is None:
            name = f"incident_{_moment()}_{_plain(reason)}"
            record = {"reason": reason, "asked": requested, "refused_before": self.counts.refused, **about}
            try:
                self._waiting.put_nowait((name, kept, record))
            except queue.Full:
                refusal = "one is being written and one waits already"
        if refusal is not None:
            self._count("refused", f"{reason}: refused: {refusal}")
        elif not requested:
            self._begun_s.append(now_s)
        return refusal

    def _refusal(self, kept: Sequence[Kept], now_s: float, requested: bool) -> str | None:
        while self._begun_s and self._begun_s[0] < now_s - HOUR_S:
            self._begun_s.popleft()
        if not requested and len(self._begun_s) >= self._settings.per_hour:
            return f"{len(self._begun_s)} within an hour already"
        try:
            self._settings.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._settings.folder).free
        except OSError as error:
            return f"{self._settings.folder}: {error.strerror or error}"
        needed = sum(len(message.data) for message in kept)  # packed it is smaller, but nobody knows how much
        if free - needed < self._settings.least_free_bytes:
            return f"{free >> 20} MiB free on the disk of {self._settings.folder}"
        return None

    def _count(self, what: str, text: str, path: str = "") -> None:
        with self.counts.lock:
            setattr(self.counts, what, getattr(self.counts, what) + 1)
            self.counts.last, self.counts.last_path = text, path or self.counts.last_path

    def _work(self) -> None:
        if self._settings.niceness:  # Linux: of this thread alone
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._settings.niceness)
        while (work := self._waiting.get()) is not None:
            name, kept, record = work
            try:
                # Not in the order of the executor's rounds: each message at the place where it arrived.
                ordered = sorted(kept, key=lambda message: message.stamp_ns)
                path = write_incident(self._settings.folder, name, self._topics, ordered, record)
                self._count("written", f"{record['reason']}: {path}", str(path))
            except Exception as error:  # whatever it was, the next incident is to be written
                self._count("failed", f"{record['reason']}: not written: {error}")

    def close(self, limit_s: float) -> None:
        """Finish what waits, for at most `limit_s`."""
        end_s = time.monotonic() + limit_s
        try:
            self._waiting.put(None, timeout=limit_s)
        except queue.Full:
            return
        self._thread.join(timeout=max(0.0, end_s - time.monotonic()))


def _moment() -> str:
    now_ns = time.time_ns()
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now_ns // 10**9))}_{now_ns // 10**6 % 1000:03d}Z"


def _plain(reason: str) -> str:
    """The reason as part of a file's name: it may hold the text of any exception."""
    return re.split(r"[^a-z0-9_]", reason.lower(), maxsplit=1)[0][:40] or "latch"
