"""Collect demonstrations: expert episodes with noise in the executed action, or single-frame snapshots.

Parallel processes, no ROS, resumable: an episode or a file of snapshots that exists is not made again.
Seeds 900000 and above are kept for evaluation and refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gato_ros.evaluation.collection import Collection, collect


@dataclass(frozen=True)
class Options(Collection):
    """What to collect, and where."""

    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Collect, with a progress bar; returns counts."""
    return collect(options)
