"""The ledger of a policy in the making: for each stage its state, time, options and figures; true after a kill, too."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.domains.recipes import Stage
from gato_ros.domains.rgb_stacking.stage import stated

LEDGER_FILE, LOCK_FILE = "ledger.json", ".ledger.lock"
SCHEMA = 1
BEAT_S = 2.0
"""The time of a running stage is written so often: what a kill loses."""


def digest(stage: Stage) -> str:
    """sha256 over the canonical JSON of what decides the stage's result."""
    return hashlib.sha256(json.dumps([type(stage).__name__, stated(stage)], sort_keys=True).encode()).hexdigest()


def machine() -> dict[str, Any]:
    """The cores that this process may use, and their name."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    return {"cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(), "cpu": name}


class Ledger:
    """One `ledger.json`, written whole at every change."""

    def __init__(self, folder: Path, at_work: bool = False):
        """Read the ledger of `folder`; a stage that ran when nobody is `at_work` was interrupted."""
        self._path, self._writing = folder / LEDGER_FILE, threading.Lock()
        self._stages: dict[str, dict[str, Any]] = _read(self._path)
        for entry in self._stages.values():
            if entry["state"] == "running" and not at_work:
                entry["state"] = "interrupted"

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """Stage name -> its entry, in the order in which they were begun."""
        return self._stages

    def state(self, stage: Stage) -> str:
        """ "waiting", "running", "interrupted" or "done"."""
        return self._stages.get(stage.name, {}).get("state", "waiting")

    def seconds(self, stage: Stage) -> float:
        """Time spent on the stage so far, all sittings together."""
        return self._stages.get(stage.name, {}).get("seconds", 0.0)

    def changes(self, stage: Stage) -> dict[str, tuple[Any, Any]]:
        """The options that are not those the stage was begun with: name -> (before, now)."""
        entry, now = self._stages.get(stage.name), stated(stage)
        if entry is None or entry["digest"] == digest(stage):
            return {}
        before = entry["options"]
        return {key: (before.get(key), now.get(key)) for key in {**before, **now} if before.get(key) != now.get(key)}

    def forget(self, name: str) -> None:
        """The stage is to be done again."""
        if self._stages.pop(name, None) is not None:
            self._write()

    @contextlib.contextmanager
    def sitting(self, stage: Stage, found: int) -> Iterator[dict[str, Any]]:
        """Work on a stage; what is put into the yielded dict are its figures.

        Args:
            found: files that were there before the stage was ever begun; its time does not cover them.
        """
        entry = self._stages.setdefault(
            stage.name,
            {
                "kind": type(stage).__name__,
                "state": "waiting",
                "started": _now(),
                "seconds": 0.0,
                "sittings": 0,
                "found": found,
                "options": stated(stage),
                "digest": digest(stage),
                "result": None,
            },
        )
        entry.update(state="running", sittings=entry["sittings"] + 1, machine=machine())
        before, began, ended, result = entry["seconds"], time.monotonic(), threading.Event(), {}

        def beat() -> None:
            entry["seconds"] = round(before + time.monotonic() - began, 2)
            self._write()

        def go_on() -> None:
            while not ended.wait(BEAT_S):
                beat()

        beat()
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        state = "interrupted"
        try:
            yield result
            state = "done"
        finally:
            ended.set()
            thread.join()
            entry.update(state=state, **({"finished": _now(), "result": result} if state == "done" else {}))
            beat()

    def _write(self) -> None:
        with self._writing:
            write_json(self._path, {"schema": SCHEMA, "stages": self._stages})


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from making a policy in `folder` meanwhile; SetupError if one is at it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK_FILE, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError(
                expected=f"{folder} for this process alone",
                got="another process at work there",
                fix="wait for it, or use another --out",
            ) from None
        yield


def at_work(folder: Path) -> bool:
    """Whether a process is making a policy in `folder`."""
    if not (folder / LOCK_FILE).exists():
        return False
    with open(folder / LOCK_FILE) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        return content["stages"]
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            expected=f"a ledger of schema {SCHEMA} in {path}",
            got=f"{type(error).__name__}: {error}",
            fix="move it away; stages whose files are whole are found again",
        ) from None
