"""Which files of a folder are not learned from, and why."""

from __future__ import annotations

from pathlib import Path

from gato_ros.data.checks.file_kind import sorted_out
from gato_ros.data.episodes.command_source import LABELS, OWN
from gato_ros.data.episodes.summary import Summary, summarise


def left_out(folder: Path, failures: bool = False) -> dict[Path, str]:
    """File -> reason, for those of the folder that nobody should learn from; the trash is not looked into.

    Args:
        failures: learn from episodes that failed, too; what is no episode is left out all the same.
    """
    episodes, others = sorted_out(folder)
    found = {path: str(other) for path, other in others.items()}
    if not failures:
        found |= {path: _reason(summarise(path)) for path in episodes}
    return {path: reason for path, reason in found.items() if reason}


def _reason(one: Summary) -> str:
    verdict = one.history.latest("verdict")
    if verdict == "fail":
        return "labelled a failure"
    # What an expert labelled teaches even where the policy that drove failed; what an operator, or a policy by itself,
    # did wrong does not.
    acted = "operator" in one.metadata or one.metadata.get(LABELS) == OWN
    if verdict is None and one.recorded_success is False and acted:
        return "ended as a failure"
    return ""
