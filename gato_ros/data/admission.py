"""Which episodes of a folder are not learned from, and why."""

from __future__ import annotations

from pathlib import Path

from gato_ros.data.episode import episode_paths
from gato_ros.data.summary import Summary, summarise


def left_out(folder: Path) -> dict[Path, str]:
    """Episode -> reason, for those of the folder that nobody should learn from; the trash is not looked into."""
    found = {path: _reason(summarise(path)) for path in episode_paths(folder)}
    return {path: reason for path, reason in found.items() if reason}


def _reason(one: Summary) -> str:
    verdict = one.history.latest("verdict")
    if verdict == "fail":
        return "labelled a failure"
    # What an expert labelled teaches even where the policy that drove failed; what an operator did wrong does not.
    if verdict is None and one.recorded_success is False and "operator" in one.metadata:
        return "ended as a failure"
    return ""
