"""What a long fuzz has found so far, block by block: after an interruption it goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json

SAVE_S = 10.0
"""So often at most it is written: what is younger than this is lost where the process is killed."""
PACKAGE = Path(__file__).resolve().parents[2]
JUDGED = (
    "core/guard/*.py",
    "core/guard/base/*.py",
    "core/guard/following/*.py",
    "core/rotation.py",
    "core/timing/freshness.py",
    "embodiments/actions/*.py",
    "embodiments/guard.py",
    "embodiments/kinematics.py",
    "bench/guard/base_oracle.py",
    "bench/guard/episode.py",
    "bench/guard/oracle.py",
    "bench/guard/trace.py",
    "bench/guard/variants.py",
)
"""Sources that a result is of: a count over two guards says nothing of either."""


@dataclass(frozen=True)
class Block:
    """What was found in episodes of consecutive seeds."""

    counts: Counter
    examples: list[dict]
    seconds: float
    """By the wall clock, beside the other workers."""


class Ledger:
    """Blocks of seeds of each kind of action, with what was found in them."""

    def __init__(self, path: Path | None, of: dict[str, str]):
        """What the file holds; nothing where there is none yet.

        Args:
            path: None keeps everything in memory.
            of: what was fuzzed; a ledger of anything else is refused.

        Raises:
            SetupError: the file is no ledger, or one of another guard, oracle or contract.
        """
        self._path, self._of = path, of
        self._kinds: dict[str, dict] = {}
        self._saved_s = time.monotonic()
        if path is not None and path.exists():
            self._kinds = self._read(path)

    def _read(self, path: Path) -> dict[str, dict]:
        try:
            content = json.loads(path.read_text())
            of, kinds = content["of"], content["kinds"]
        except (ValueError, KeyError, TypeError, OSError):
            raise SetupError(
                expected=f"a ledger of guard fuzz in {path}", got="something else", fix="name another file, or move it"
            ) from None
        if of != self._of:
            changed = ", ".join(key for key in self._of if of.get(key) != self._of[key])
            raise SetupError(
                expected=f"a ledger of this guard and contract in {path}",
                got=f"one of another {changed}",
                fix="move it away and begin anew: counts over two guards say nothing of either",
            )
        return kinds

    def found(self, kind: str, block: range) -> Block | None:
        """What was found in that block; None where it has not been run."""
        entry = self._kinds.get(kind, {}).get(_name(block))
        return None if entry is None else Block(Counter(entry["counts"]), entry["examples"], entry["seconds"])

    def note(self, kind: str, block: range, found: Block) -> None:
        """Add a block; now and then the file is written."""
        entry = {"counts": dict(found.counts), "examples": found.examples, "seconds": round(found.seconds, 3)}
        self._kinds.setdefault(kind, {})[_name(block)] = entry
        if time.monotonic() - self._saved_s >= SAVE_S:
            self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self._path is not None:
            write_json(self._path, {"of": self._of, "kinds": self._kinds})
        self._saved_s = time.monotonic()


def sources_digest() -> str:
    """sha256 over the guard, what it stands on, and what judges it."""
    total = hashlib.sha256()
    for path in sorted(path for pattern in JUDGED for path in PACKAGE.glob(pattern)):
        total.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _name(block: range) -> str:
    return f"{block.start}-{block.stop - 1}"
