"""What was wrong with the sensors of an episode: one line of the log each, and the answer at its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gato_ros.core.check_result import Finding
from gato_ros.nodes.recorder.sensors import in_words

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger

Refused = Mapping[str, tuple[int, str]]
"""Topic -> messages that did not fit the contract, and what was wrong with the last of them."""


class FindingLog:
    """Logs each complaint of an episode once, and keeps which sensors were unusable in it."""

    def __init__(self, logger: RcutilsLogger):
        self._logger = logger
        self._logged: set[str] = set()
        self._unusable: dict[str, Finding] = {}
        """What was unusable in the episode, whether it still is or not."""

    def begin(self) -> None:
        """A new episode."""
        self._logged, self._unusable = set(), {}

    def add(self, findings: Iterable[Finding], refused: Refused) -> None:
        """Take what is wrong now."""
        for finding in findings:
            if finding.unusable:
                self._unusable[finding.what] = finding
            # The same complaint comes with other figures every time; another one about the same thing is new.
            words = re.sub(r"[\d.]+", "", finding.found)
            self._log_once(f"{finding.what}: {words}", f"{finding.what}: {finding.found}; {finding.fix}")
        for topic, (_, why) in refused.items():
            self._log_once(f"{topic}: {why}", f"{topic}: a message is refused: {why}")

    def _log_once(self, what: str, line: str) -> None:
        if what not in self._logged:
            self._logged.add(what)
            self._logger.warning(line)

    def not_recorded(self, refused: Refused) -> str:
        """What of the running episode, or of the last one, could not be recorded, in words."""
        lines = [f"{topic}: {count} messages refused: {why}" for topic, (count, why) in refused.items()]
        return "; ".join([*lines, *filter(None, [in_words(list(self._unusable.values()))])])
